// Templates with a password, for one identity, and with a limit.
const { expect, expiresAt, newAccount, refused, baseUrl, relate, run, syncUntil, contentOf } = require("./client.cjs");

run(async () => {
    const [alice, bob, carol] = [await newAccount("Alice"), await newAccount("Bob"), await newAccount("Carol")];
    const template = async (options) =>
        await alice.relationshipTemplates.sendRelationshipTemplate({ content: { a: "b" }, expiresAt: expiresAt(), ...options });
    const load = async (account, made, password) =>
        await account.relationshipTemplates.loadPeerRelationshipTemplateByReference(
            made.toRelationshipTemplateReference(baseUrl),
            password
        );

    const protectedOne = await template({ passwordProtection: { password: "open sesame", passwordType: "pw" } });
    await refused(load(bob, protectedOne, "wrong"), "error.platform.recordNotFound");
    expect((await load(bob, protectedOne, "open sesame")).id.toString(), protectedOne.id.toString(), "loaded with its password");

    const personal = await template({ forIdentity: bob.identity.address });
    await refused(load(carol, personal), "error.transport.general.notIntendedForYou");
    expect((await load(bob, personal)).id.toString(), personal.id.toString(), "loaded by whom it is for");

    const limited = await template({ maxNumberOfAllocations: 1 });
    await load(bob, limited);
    await refused(load(carol, limited), "error.platform.validation.relationshipTemplate.maxNumberOfAllocationsExhausted");

    await relate(alice, bob);
    await relate(alice, carol);
    const recipients = [bob.identity.address, carol.identity.address];
    await alice.messages.sendMessage({ content: { text: "to both" }, recipients });
    for (const [name, account] of Object.entries({ bob, carol })) {
        const message = await syncUntil(account, `the message to ${name}`, (changed) => changed.messages[0]);
        expect(contentOf(message), '{"text":"to both"}', `${name} reads`);
    }
});
