// Tags and announcements as official clients read them; the announcement was made by the operator before.
const { ConsumptionController } = require("@nmshd/consumption");
const { TagClient } = require("@nmshd/transport");
const { expect, newAccount, run } = require("./client.cjs");

run(async () => {
    const alice = await newAccount("Alice");

    const client = new TagClient(alice._config, alice._authenticator);
    const first = await client.getTagCollection();
    expect(first.value.supportedLanguages.includes("en"), true, "tags in English");
    expect(typeof first.etag, "string", "with an entity tag");
    expect((await client.getTagCollection(first.etag)) === undefined, true, "and nothing new the second time");

    const consumption = await new ConsumptionController(alice._transport, alice, { setDefaultRepositoryAttributes: false }).init();
    const checked = async (tag) =>
        (await consumption.attributes.validateTagsForType([tag], "IdentityFileReference")).error?.code ?? "valid";
    // Only leaves are tags, and a leaf has no member `children` (misc.md, section 1.3).
    expect(await checked("bkb:degree:secondary"), "valid", "a leaf");
    expect(await checked("bkb:degree"), "error.consumption.attributes.invalidTags", "what has children");
    expect(await checked("bkb:unknown"), "error.consumption.attributes.invalidTags", "what is not there");

    const announcements = await alice.announcements.getAnnouncements("de");
    const found = announcements.find((each) => each.title === "Willkommen");
    expect([found.body, found.severity, found.actions[0].displayName], ["Text", "High", "Mehr"], "announced in German");
});
