// Files: sizes around every limit, ownership from hand to hand, an attachment in a message.
const { CoreBuffer } = require("@nmshd/crypto");
const { CoreDate } = require("@nmshd/core-types");
const { baseUrl, expect, newAccount, onboardDevice, refused, relate, run, say, syncUntil } = require("./client.cjs");

const MIB = 1024 * 1024;
// The most the client allows. What it uploads is base64url in JSON, a third more.
const LARGEST = 10 * MIB;
// What is hardly less than the 10 MiB of a request that API Gateway passes on, once it is encrypted and in a form.
const LARGEST_STORED = 7860000;

const bytes = (size) => CoreBuffer.from(Uint8Array.from({ length: size }, (_, index) => (index * 7 + size) % 256));

async function upload(account, buffer, title = "a file") {
    return await account.files.sendFile({
        buffer,
        title,
        filename: "picture.png",
        filesize: buffer.length,
        filemodified: CoreDate.from("2024-01-01T00:00:00.000Z"),
        mimetype: "image/png",
        tags: ["tag1"],
        expiresAt: CoreDate.utc().add({ minutes: 5 })
    });
}

const load = async (account, file) => await account.files.getOrLoadFileByReference(file.toFileReference(baseUrl));

run(async () => {
    const [alice, bob, carol] = [await newAccount("Alice"), await newAccount("Bob"), await newAccount("Carol")];

    for (const size of [0, 1, 5 * MIB, LARGEST_STORED, LARGEST - 1, LARGEST]) {
        const content = bytes(size);
        const file = await upload(alice, content);
        const downloaded = await bob.files.downloadFileContent(await load(bob, file));
        expect([downloaded.length, downloaded.equals(content)], [size, true], `${size} bytes up and down`);
    }
    await refused(upload(alice, bytes(LARGEST + 1)), "error.transport.files.maxFileSizeExceeded");

    const file = await upload(alice, bytes(1000), "to be handed on");
    const atBob = await load(bob, file);
    expect(atBob.isOwn, false, "Bob's so far");
    expect((await bob.files.validateFileOwnershipToken(atBob.id, file.ownershipToken)).isValid, true, "the token is valid");
    const claimed = await bob.files.claimFileOwnership(atBob.id, file.ownershipToken);
    expect([claimed.isOwn, claimed.owner.toString()], [true, bob.identity.address.toString()], "Bob's now");
    const handedOver = await syncUntil(alice, "the change of owner", (changed) => changed.files[0]);
    expect([handedOver.isOwn, handedOver.id.toString()], [false, file.id.toString()], "not Alice's any more");
    await refused(bob.files.deleteFile(claimed), "error.platform.forbidden"); // only creators delete

    const atCarol = await load(carol, file);
    await refused(carol.files.claimFileOwnership(atCarol.id, "wrong"), "error.platform.forbidden");
    const locked = await syncUntil(bob, "the lock", (changed) => changed.files[0]);
    expect(locked.ownershipIsLocked, true, "locked by a wrong token");
    await refused(carol.files.claimFileOwnership(atCarol.id, claimed.ownershipToken), "error.platform.forbidden");
    const renewed = await bob.files.regenerateFileOwnershipToken(claimed.id);
    expect(renewed.ownershipToken !== claimed.ownershipToken, true, "a new token");
    expect((await carol.files.claimFileOwnership(atCarol.id, renewed.ownershipToken)).isOwn, true, "Carol's now");

    const removed = await upload(alice, bytes(10));
    await alice.files.deleteFile(removed);
    await refused(load(bob, removed), "error.platform.recordNotFound");

    await relate(alice, bob);
    const picture = await upload(alice, bytes(100000), "attached");
    await alice.messages.sendMessage({ content: { text: "see" }, recipients: [bob.identity.address], attachments: [picture] });
    const message = await syncUntil(bob, "the message", (changed) => changed.messages[0]);
    const [attachment] = (message.cache ?? message).attachments;
    const attached = await bob.files.getOrLoadFile(attachment, message.backboneBaseUrl);
    const content = await bob.files.downloadFileContent(attached);
    expect([attached.title, content.equals(bytes(100000))], ["attached", true], "Bob reads the attachment");

    const second = await onboardDevice(alice, "Alice's second device");
    await second.syncEverything();
    const known = await second.files.getFile(picture.id);
    expect((await second.files.downloadFileContent(known)).length, 100000, "Alice's second device reads it, too");
    say("all files went where they should");
});
