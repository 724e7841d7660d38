// Two devices of one identity register for push; each hears what the other does, both hear of a message.
const { expect, newAccount, onboardDevice, refused, relate, run, say } = require("./client.cjs");

const PATIENCE_MS = 15000;
const sns = process.argv[5];

// What SNS was given for a phone: the emulator keeps it. Only content objects, as the app would read them.
async function pushed(handle) {
    const answer = await (await fetch(`${sns}/_ministack/sns/sms-messages`)).json();
    const all = Object.values(answer.sms_messages).flat().filter((each) => each.Token === handle);
    return all.map((each) => {
        const message = JSON.parse(each.Message);
        if (message.GCM) return JSON.parse(JSON.parse(message.GCM).fcmV1Message.message.data.content);
        return JSON.parse(message.APNS_SANDBOX).content;
    });
}

async function until(what, handle, found) {
    const begin = Date.now();
    while (Date.now() - begin < PATIENCE_MS) {
        const result = (await pushed(handle)).find(found);
        if (result) {
            say(`${what} arrived after ${Date.now() - begin} ms`);
            return result;
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`${what} did not arrive within ${PATIENCE_MS} ms`);
}

run(async () => {
    const [alice, bob] = [await newAccount("Alice"), await newAccount("Bob")];
    const second = await onboardDevice(alice, "Alice's second device");
    const appId = "org.example.app";
    const suffix = Math.random().toString(36).slice(2);
    const [android, iphone] = [`android-${suffix}`, `iphone-${suffix}`];

    const first = await alice.registerPushNotificationToken({ platform: "fcm", handle: android, appId });
    expect(/^DPI[a-zA-Z0-9]{17}$/.test(first.devicePushIdentifier), true, "identifier");
    const again = await alice.registerPushNotificationToken({ platform: "fcm", handle: android, appId });
    expect(again.devicePushIdentifier, first.devicePushIdentifier, "the same identifier again");
    const other = await second.registerPushNotificationToken({
        platform: "apns",
        handle: iphone,
        appId,
        environment: "Development"
    });
    await refused(
        bob.registerPushNotificationToken({ platform: "fcm", handle: "a handle of Bob's", appId: "unknown" }),
        "error.platform.unsupportedAppId"
    );

    await alice.devices.sendDevice({ name: "a third one" });
    await alice.syncDatawallet();
    const modified = await until("the datawallet push", iphone, (content) => content.eventName === "DatawalletModificationsCreated");
    expect(modified.payload, { createdByDevice: alice.activeDevice.id.toString() }, "payload");
    expect(modified.devicePushIdentifier, other.devicePushIdentifier, "for the second device");
    expect(modified.accRef, alice.identity.address.toString(), "of Alice");
    expect((await pushed(android)).length, 0, "pushes to the device that did it");

    await relate(alice, bob);
    await bob.messages.sendMessage({ content: { text: "to Alice" }, recipients: [alice.identity.address] });
    for (const [name, handle] of [["the first", android], ["the second", iphone]])
        await until(`the push to ${name} device`, handle, (content) => content.eventName === "ExternalEventCreated");

    await second.unregisterPushNotificationToken();
    await second.unregisterPushNotificationToken();
    const renewed = await second.registerPushNotificationToken({ platform: "dummy", handle: "0123456789", appId });
    expect(renewed.devicePushIdentifier === other.devicePushIdentifier, false, "the identifier after unregistering is the old one");
});
