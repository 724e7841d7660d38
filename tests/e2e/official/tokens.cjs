// Tokens between identities and devices: open, with a password, for one identity, for a template, for onboarding, deleted.
const { AnonymousTokenController, TokenContentDeviceSharedSecret, TokenContentRelationshipTemplate } = require("@nmshd/transport");
const { CoreDate } = require("@nmshd/core-types");
const { expect, expiresAt, newAccount, refused, baseUrl, run, syncUntil } = require("./client.cjs");

const textOf = (token) => JSON.stringify((token.cache ?? token).content);
const contentOf = (token) => (token.cache ?? token).content;

run(async () => {
    const [alice, bob, carol] = [await newAccount("Alice"), await newAccount("Bob"), await newAccount("Carol")];
    const anonymous = new AnonymousTokenController(alice.config);
    const send = async (content, options) => await alice.tokens.sendToken({ content, expiresAt: expiresAt(), ephemeral: false, ...options });
    const load = async (tokens, made, password) => {
        const options = tokens === anonymous ? [password] : [false, password]; // whoever has an account may keep it
        return await tokens.loadPeerTokenByReference(made.toTokenReference(baseUrl), ...options);
    };

    const open = await send({ text: "for all" });
    expect(textOf(await load(bob.tokens, open)), '{"text":"for all"}', "Bob reads");
    expect(textOf(await load(anonymous, open)), '{"text":"for all"}', "somebody reads");

    const closed = await send({ text: "secret" }, { passwordProtection: { password: "open sesame", passwordType: "pw" } });
    await refused(load(bob.tokens, closed, "wrong"), "error.platform.recordNotFound");
    await refused(load(anonymous, closed, "wrong"), "error.platform.recordNotFound");
    expect(textOf(await load(bob.tokens, closed, "open sesame")), '{"text":"secret"}', "Bob reads with the password");
    expect(textOf(await load(anonymous, closed, "open sesame")), '{"text":"secret"}', "somebody reads with the password");

    const personal = await send({ text: "for Bob" }, { forIdentity: bob.identity.address });
    await refused(load(carol.tokens, personal), "error.transport.general.notIntendedForYou");
    await refused(load(anonymous, personal), "error.transport.general.notIntendedForYou");
    expect(textOf(await load(bob.tokens, personal)), '{"text":"for Bob"}', "Bob reads");

    const large = await send({ text: "x".repeat(200000) });
    expect(textOf(await load(bob.tokens, large)).length, 200011, "Bob reads much");

    await alice.tokens.delete(open);
    await refused(load(carol.tokens, open), "error.platform.recordNotFound");

    // A relationship template travels in a token.
    const template = await alice.relationshipTemplates.sendRelationshipTemplate({ content: { a: "b" }, expiresAt: expiresAt() });
    const invitation = await send(TokenContentRelationshipTemplate.from({ templateId: template.id, secretKey: template.secretKey }));
    const invited = contentOf(await load(bob.tokens, invitation));
    const loaded = await bob.relationshipTemplates.loadPeerRelationshipTemplateByTokenContent(invited);
    const sent = await bob.relationships.sendRelationship({ template: loaded, creationContent: { from: "Bob" } });
    const received = await syncUntil(alice, "Bob's request", (changed) => changed.relationships[0]);
    expect(received.id.toString(), sent.id.toString(), "the relationship of the invitation");

    // A new device shows an empty token and asks for it until an old device has filled it.
    const empty = await anonymous.createEmptyToken();
    await refused(load(anonymous, empty, empty.passwordProtection?.password), "error.transport.tokens.emptyToken");
    expect(await alice.tokens.isEmptyToken(empty.toTokenReference(baseUrl)), true, "the token is empty");
    const device = await alice.devices.sendDevice({ name: "second", isAdmin: true });
    await alice.syncDatawallet();
    const content = TokenContentDeviceSharedSecret.from({ sharedSecret: await alice.devices.getSharedSecret(device.id) });
    const { id, secretKey, passwordProtection } = empty;
    await alice.tokens.updateTokenContent({ id, secretKey, passwordProtection, content });
    expect(await alice.tokens.isEmptyToken(empty.toTokenReference(baseUrl)), false, "the token is empty");
    await refused(
        bob.tokens.updateTokenContent({ id, secretKey, passwordProtection, content: { text: "late" } }),
        "error.platform.token.contentUpdateNotPossibleBecauseContentAlreadyExists"
    );
    const handedOver = await load(anonymous, empty, empty.passwordProtection?.password);
    const second = await newAccount("Alice's second device", contentOf(handedOver).sharedSecret);
    expect(second.identity.address.toString(), alice.identity.address.toString(), "same identity");
    await second.syncEverything();
    expect((await second.relationships.getRelationships()).length, 1, "relationships on the second device");
    const shared = (await second.tokens.getTokens()).find((token) => token.id.equals(closed.id));
    expect(textOf(shared), '{"text":"secret"}', "the second device reads Alice's token");

    // A recovery kit: a backup device in a token with a password that never expires.
    const backup = await alice.devices.sendDevice({ name: "Backup Device", isAdmin: true, isBackupDevice: true });
    await alice.syncDatawallet();
    const kit = await send(TokenContentDeviceSharedSecret.from({ sharedSecret: await alice.devices.getSharedSecret(backup.id) }), {
        expiresAt: CoreDate.from("9999-12-31T00:00:00.000Z"),
        passwordProtection: { password: "recover", passwordType: "pw", passwordLocationIndicator: 0 }
    });
    await refused(load(anonymous, kit, "guess"), "error.platform.recordNotFound");
    const recovered = await load(anonymous, kit, "recover");
    const third = await newAccount("Alice's recovered device", contentOf(recovered).sharedSecret);
    expect(third.identity.address.toString(), alice.identity.address.toString(), "same identity");
    await third.syncEverything();
    expect((await third.relationships.getRelationships()).length, 1, "relationships on the recovered device");
});
