// Official clients that do what a test says: each line of standard input is JSON {"code": "<body of an async function>",
// "given": {...}}; each line of standard output that begins with "= " is JSON {"result": ...} or {"error": {code, message}}.
// The code sees everything below, `given`, and `kept`, an object that stays between lines.
const readline = require("node:readline");
const transport = require("@nmshd/transport");
const coreTypes = require("@nmshd/core-types");
require("@nmshd/content"); // without it, contents of these types cannot be read
const { CoreBuffer } = require("@nmshd/crypto");
const client = require("./client.cjs");

const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
const scope = { ...transport, ...coreTypes, CoreBuffer, ...client, kept: {} };

async function answer(line) {
    const { code, given } = JSON.parse(line);
    const known = Object.entries(scope).filter(([name]) => name !== "default");
    try {
        const run = new AsyncFunction(...known.map(([name]) => name), "given", code);
        const result = await run(...known.map(([, value]) => value), given);
        return { result: result ?? null };
    } catch (error) {
        return { error: { code: error.code ?? null, message: String(error.message ?? error) } };
    }
}

(async () => {
    for await (const line of readline.createInterface({ input: process.stdin }))
        process.stdout.write(`= ${JSON.stringify(await answer(line))}\n`);
    process.exit(0);
})();
