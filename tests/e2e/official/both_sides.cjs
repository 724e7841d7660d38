// Two identities, one of them with two devices: messages in both directions, seen by every device.
const { contentOf, expect, newAccount, onboardDevice, relate, run, syncUntil } = require("./client.cjs");

run(async () => {
    const [alice, bob] = [await newAccount("Alice"), await newAccount("Bob")];
    await relate(alice, bob);

    await bob.messages.sendMessage({ content: { text: "to Alice" }, recipients: [alice.identity.address] });
    const toAlice = await syncUntil(alice, "Bob's message", (changed) => changed.messages[0]);
    expect(contentOf(toAlice), '{"text":"to Alice"}', "Alice reads");

    await alice.messages.sendMessage({ content: { text: "to Bob" }, recipients: [bob.identity.address] });
    const toBob = await syncUntil(bob, "Alice's message", (changed) => changed.messages[0]);
    expect(contentOf(toBob), '{"text":"to Bob"}', "Bob reads");

    await alice.syncDatawallet();
    const second = await onboardDevice(alice, "Alice's second device");
    expect(second.identity.address.toString(), alice.identity.address.toString(), "same identity");
    await second.syncEverything();
    const seen = (await second.messages.getMessages()).map(contentOf).sort();
    expect(seen, ['{"text":"to Alice"}', '{"text":"to Bob"}'], "the second device reads");

    await second.messages.sendMessage({ content: { text: "from the second" }, recipients: [bob.identity.address] });
    const fromSecond = await syncUntil(bob, "the second device's message", (changed) => changed.messages[0]);
    expect(contentOf(fromSecond), '{"text":"from the second"}', "Bob reads");

    await second.syncDatawallet();
    await alice.syncDatawallet();
    expect((await alice.messages.getMessages()).length, 3, "messages on the first device");
});
