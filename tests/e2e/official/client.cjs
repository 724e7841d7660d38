// Official Enmeshed clients (npm @nmshd/transport) as the scripts beside this file use them.
const { Transport, AccountController } = require("@nmshd/transport");
const { LokiJsConnection } = require("@js-soft/docdb-access-loki");
const { NodeLoggerFactory } = require("@js-soft/node-logger");
const { EventEmitter2EventBus } = require("@js-soft/ts-utils");
const { CoreDate } = require("@nmshd/core-types");

// How long to go on asking for something that travels as an event. Official clients give up after about 2.5 s.
const PATIENCE_MS = 15000;

const [baseUrl = "http://localhost:8090", platformClientId = "test", platformClientSecret = "test"] = process.argv.slice(2);
const started = Date.now();
const say = (text) => console.log(`${String(Date.now() - started).padStart(6)} ms  ${text}`);

const loggers = new NodeLoggerFactory({
    appenders: { console: { type: "stderr" } },
    categories: { default: { appenders: ["console"], level: "error" } }
});
const bus = new EventEmitter2EventBus((error) => console.error(error));

// An account of its own: a new identity, or another device of one when its shared secret is given.
async function newAccount(name, sharedSecret) {
    const configuration = { baseUrl, platformClientId, platformClientSecret, supportedIdentityVersion: 1, debug: false };
    const transport = new Transport({ ...configuration, datawalletEnabled: true }, bus, loggers);
    await transport.init();
    const database = await (await LokiJsConnection.inMemory()).getDatabase(`account-${name}-${Math.random()}`);
    const account = new AccountController(transport, database, transport.config);
    await account.init(sharedSecret);
    say(`${name} is ${account.identity.address}`);
    return account;
}

async function onboardDevice(account, name) {
    const device = await account.devices.sendDevice({ name, isAdmin: true });
    await account.syncDatawallet();
    return await newAccount(name, await account.devices.getSharedSecret(device.id));
}

async function syncUntil(account, what, found) {
    const begin = Date.now();
    while (Date.now() - begin < PATIENCE_MS) {
        const result = found(await account.syncEverything());
        if (result) {
            say(`${what} arrived after ${Date.now() - begin} ms`);
            return result;
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`${what} did not arrive within ${PATIENCE_MS} ms`);
}

const expiresAt = () => CoreDate.utc().add({ minutes: 5 });
const contentOf = (message) => JSON.stringify((message.cache ?? message).content);

async function request(templator, requestor, options = {}) {
    const template = await templator.relationshipTemplates.sendRelationshipTemplate({
        content: { purpose: "test" },
        expiresAt: expiresAt(),
        ...options
    });
    const loaded = await requestor.relationshipTemplates.loadPeerRelationshipTemplateByReference(
        template.toRelationshipTemplateReference(baseUrl),
        options.passwordProtection?.password
    );
    const sent = await requestor.relationships.sendRelationship({ template: loaded, creationContent: { from: "requestor" } });
    const received = await syncUntil(templator, "the request", (changed) => changed.relationships[0]);
    return { sent, received };
}

async function relate(templator, requestor) {
    const { received } = await request(templator, requestor);
    await templator.relationships.accept(received.id);
    return await syncUntil(requestor, "the acceptance", (changed) => changed.relationships[0]);
}

function expect(actual, wanted, what) {
    if (JSON.stringify(actual) !== JSON.stringify(wanted))
        throw new Error(`${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(wanted)}`);
    say(`${what}: ${JSON.stringify(actual)}`);
}

async function refused(promise, code) {
    try {
        await promise;
    } catch (error) {
        return expect(error.code, code, "refused as it should be");
    }
    throw new Error(`not refused, ${code} expected`);
}

function run(script) {
    script()
        .then(() => {
            say("done");
            process.exit(0);
        })
        .catch((error) => {
            console.error(error);
            process.exit(1);
        });
}

module.exports = { baseUrl, contentOf, expect, expiresAt, newAccount, onboardDevice, refused, relate, request, run, say, syncUntil };
