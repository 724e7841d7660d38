// The operator announces something as the official test suites do it, and official clients read it.
const axios = require("axios");
const { expect, newAccount, run } = require("./client.cjs");

const [adminUrl = "http://localhost:8091", adminKey = "test"] = process.argv.slice(5);
const announcement = (recipients) => ({
    severity: "High",
    isSilent: false,
    expiresAt: new Date(Date.now() + 24 * 60 * 60 * 1000).toISOString(),
    ...(recipients && { recipients }),
    texts: [
        { language: "en", title: "Title", body: "Body" },
        { language: "de", title: "Titel", body: "Text" }
    ],
    actions: [{ displayName: { en: "Read more", de: "Mehr" }, link: "https://enmeshed.eu" }]
});

// With axios: the whole `set-cookie` array becomes the header `Cookie`.
async function throughAxios() {
    const client = axios.create({ baseURL: adminUrl, headers: { "X-API-KEY": adminKey } });
    const xsrf = await client.get("/api/v1/xsrf");
    client.defaults.headers.common["X-XSRF-TOKEN"] = xsrf.data;
    client.defaults.headers.common.Cookie = xsrf.headers["set-cookie"];
    expect([typeof xsrf.data, xsrf.headers["set-cookie"].length], ["string", 1], "token and cookie for axios");
    return async (body) => {
        const answer = await client.post("/api/v1/Announcements", body);
        return [answer.status, answer.data.result.id];
    };
}

// With what Node.js has itself.
async function throughFetch() {
    const xsrf = await fetch(`${adminUrl}/api/v1/xsrf`, { headers: { "X-API-KEY": adminKey } });
    const headers = {
        "X-API-KEY": adminKey,
        "X-XSRF-TOKEN": await xsrf.text(),
        Cookie: xsrf.headers.getSetCookie().join(","),
        "Content-Type": "application/json"
    };
    return async (body) => {
        const answer = await fetch(`${adminUrl}/api/v1/Announcements`, { method: "POST", headers, body: JSON.stringify(body) });
        return [answer.status, (await answer.json()).result.id];
    };
}

run(async () => {
    const alice = await newAccount("Alice");
    const bob = await newAccount("Bob");
    const seenBy = async (account, language) => await account.announcements.getAnnouncements(language);

    for (const post of [await throughAxios(), await throughFetch()]) {
        const created = {};
        for (const [audience, recipients] of Object.entries({
            everybody: undefined,
            alsoEverybody: [],
            alice: [alice.identity.address.toString()],
            bob: [bob.identity.address.toString()]
        })) {
            const [status, id] = await post(announcement(recipients));
            expect([status, typeof id], [201, "string"], `announced to ${audience}`);
            created[audience] = id;
        }

        const ids = (await seenBy(alice, "en")).map((each) => each.id.toString());
        const visible = Object.keys(created).filter((audience) => ids.includes(created[audience]));
        expect(visible, ["everybody", "alsoEverybody", "alice"], "Alice sees what is for");

        const inLanguage = async (language) => {
            const found = (await seenBy(bob, language)).find((each) => each.id.toString() === created.bob);
            return [found.title, found.body, found.severity, found.actions[0].displayName];
        };
        expect(await inLanguage("de"), ["Titel", "Text", "High", "Mehr"], "Bob reads it in German");
        expect(await inLanguage("it"), ["Title", "Body", "High", "Read more"], "and in English, as there is no Italian");
    }
});
