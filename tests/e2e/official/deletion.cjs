// The deletion of an identity as its owner and its peer see it.
// Arguments: base URL, client id, client secret, and the command that deletes identities at once.
const { execFileSync } = require("node:child_process");
const { expect, newAccount, onboardDevice, refused, relate, request, run, say, syncUntil } = require("./client.cjs");

const deleteIdentities = () => execFileSync(process.argv[5], process.argv.slice(6), { stdio: "inherit" });
const isDeleted = async (account) => (await account.identity.checkIfIdentityIsDeleted()).value;
const statusOf = (account, id) => account.relationships.getRelationship(id).then((found) => found.status);
const peerStatus = (relationship) => relationship.peerDeletionInfo?.deletionStatus;
const peerChange = async (account, what, wanted) =>
    await syncUntil(account, what, (changed) => changed.relationships.find((found) => peerStatus(found) === wanted));

run(async () => {
    const [alice, bob] = [await newAccount("Alice"), await newAccount("Bob")];
    const second = await onboardDevice(alice, "Alice's second device");
    const active = await relate(alice, bob);
    await bob.messages.sendMessage({ content: { text: "to Alice" }, recipients: [alice.identity.address] });
    await syncUntil(alice, "Bob's message", (changed) => changed.messages[0]);
    await alice.messages.sendMessage({ content: { text: "to Bob" }, recipients: [bob.identity.address] });
    const fromAlice = await syncUntil(bob, "Alice's message", (changed) => changed.messages[0]);

    const first = await alice.identityDeletionProcess.initiateIdentityDeletionProcess();
    const days = (Date.parse(first.gracePeriodEndsAt.toString()) - Date.parse(first.createdAt.toString())) / 86400000;
    expect([first.status, days], ["Active", 14], "Alice starts a deletion process");
    await refused(
        alice.identityDeletionProcess.initiateIdentityDeletionProcess(),
        "error.platform.validation.device.onlyOneActiveDeletionProcessAllowed"
    );
    const told = await peerChange(bob, "the start of the deletion", "ToBeDeleted");
    expect(told.peerDeletionInfo.deletionDate.toString(), first.gracePeriodEndsAt.toString(), "Bob knows the date");
    expect(await isDeleted(alice), { isDeleted: false }, "during the grace period Alice");
    await second.syncDatawallet().catch((error) => say(`no sync of the second device: ${error.code}`));

    const cancelled = await alice.identityDeletionProcess.cancelIdentityDeletionProcess(first.id.toString());
    expect(cancelled.status, "Cancelled", "Alice cancels");
    await syncUntil(bob, "the cancellation", (changed) =>
        changed.relationships.find((found) => !found.peerDeletionInfo)
    );
    await alice.syncDatawallet();
    await second.syncDatawallet();
    const known = await second.identityDeletionProcess.getIdentityDeletionProcesses();
    expect(known.map((process) => process.status), ["Cancelled"], "the second device knows of processes");

    const last = await alice.identityDeletionProcess.initiateIdentityDeletionProcess(0);
    const deletionDate = last.gracePeriodEndsAt.toString();
    expect(await isDeleted(alice), { isDeleted: true, deletionDate }, "after a grace period of 0 days Alice");
    await refused(logInAgain(alice), "error.transport.request.noAuthGrant");

    deleteIdentities();
    const afterwards = await isDeleted(alice);
    expect([afterwards.isDeleted, afterwards.deletionDate > deletionDate], [true, true], "Alice is deleted, and that later");
    await peerChange(bob, "the deletion", "Deleted");
    expect(await statusOf(bob, active.id), "DeletionProposed", "Bob's relationship is");
    const kept = await bob.messages.getMessage(fromAlice.id);
    expect(JSON.stringify((kept.cache ?? kept).content), '{"text":"to Bob"}', "Bob still has the message");

    await bob.relationships.decompose(active.id);
    const carol = await newAccount("Carol");
    await request(bob, carol);
    say("Bob goes on with others");
});

// A log-in with the credentials of a device, without its access token, as the app does at its start.
async function logInAgain(account) {
    account.authenticator.token = undefined;
    account.authenticator.expiry = undefined;
    return await account.authenticator.getToken();
}
