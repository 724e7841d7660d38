// Listens to server-sent events as the official clients do (npm eventsource), and prints a line of JSON for whatever
// happens, until it is ended.
//
//   node listen.cjs <url of the stream> <access token>
const [url, token] = process.argv.slice(2);
const EVENTS = ["ConnectionOpened", "keep-alive", "ExternalEventCreated", "DatawalletModificationsCreated"];
const say = (what, more = {}) => console.log(JSON.stringify({ what, ...more }));

(async () => {
    const { EventSource } = await import("eventsource");
    const authorized = (input, init) => fetch(input, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } });
    const source = new EventSource(url, { fetch: authorized });
    source.onopen = () => say("open");
    source.onerror = (error) => say("error", { code: error.code, closed: source.readyState === source.CLOSED });
    for (const name of EVENTS) source.addEventListener(name, (event) => say(name, { data: event.data, id: event.lastEventId }));
})();
setInterval(() => {}, 1000); // the library's timer alone does not keep a process alive
