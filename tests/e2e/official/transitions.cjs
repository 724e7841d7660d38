// Every transition of a relationship, seen from both sides.
const { expect, newAccount, relate, request, run, syncUntil } = require("./client.cjs");

const statusOf = (relationship) => relationship.status;

run(async () => {
    const [alice, bob] = [await newAccount("Alice"), await newAccount("Bob")];
    const seenBy = async (account, what) => await syncUntil(account, what, (changed) => changed.relationships[0]);

    const rejected = await request(alice, bob);
    await alice.relationships.reject(rejected.received.id);
    expect(statusOf(await seenBy(bob, "the rejection")), "Rejected", "Bob sees");

    const revoked = await request(alice, bob);
    await bob.relationships.revoke(revoked.sent.id);
    expect(statusOf(await seenBy(alice, "the revocation")), "Revoked", "Alice sees");

    const active = await relate(alice, bob);
    expect(statusOf(active), "Active", "Bob sees");

    await alice.relationships.terminate(active.id);
    expect(statusOf(await seenBy(bob, "the termination")), "Terminated", "Bob sees");

    await bob.relationships.requestReactivation(active.id);
    await seenBy(alice, "the reactivation request");
    await alice.relationships.rejectReactivation(active.id);
    expect(statusOf(await seenBy(bob, "its rejection")), "Terminated", "Bob sees");

    await bob.relationships.requestReactivation(active.id);
    await seenBy(alice, "the second reactivation request");
    await bob.relationships.revokeReactivation(active.id);
    expect(statusOf(await seenBy(alice, "its revocation")), "Terminated", "Alice sees");

    await alice.relationships.requestReactivation(active.id);
    await seenBy(bob, "the third reactivation request");
    await bob.relationships.acceptReactivation(active.id);
    expect(statusOf(await seenBy(alice, "its acceptance")), "Active", "Alice sees");

    await bob.relationships.terminate(active.id);
    expect(statusOf(await seenBy(alice, "the second termination")), "Terminated", "Alice sees");

    await alice.relationships.decompose(active.id);
    expect(statusOf(await seenBy(bob, "the decomposition")), "DeletionProposed", "Bob sees");
    await bob.relationships.decompose(active.id);

    expect(statusOf(await relate(bob, alice)), "Active", "after both decomposed, a new relationship is");
});
