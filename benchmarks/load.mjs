// A closed loop: `connections` callers, each sends its next request when the last has ended, for `seconds`.
// Arguments as JSON; prints {requests, failures, rate, first: {p50, p99}, total: {p50, p99}} (ms).
import { Agent, request } from "node:http";

const { url, key, connections, seconds, stream, pace, same, conversation } = JSON.parse(process.argv[2]);
const agent = new Agent({ keepAlive: true, maxSockets: connections });
const first = [];
const total = [];
let failures = 0;
let serial = 0;

/** So many turns a conversation has. */
const TURNS = 10;

function once(caller) {
  return new Promise((resolve) => {
    const started = performance.now();
    const text = JSON.stringify({
      model: "m",
      stream,
      ...(conversation ? { conversation: `talk-${process.pid}-${caller.name}-${Math.floor(caller.turns++ / TURNS)}` } : {}),
      ...(pace ? { user: String(pace) } : {}),
      messages: [{ role: "user", content: same ? "the same" : `question ${process.pid} ${serial++}` }],
    });
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text), authorization: `Bearer ${key}` };
    const call = request(`${url}/v1/chat/completions`, { method: "POST", agent, headers }, (response) => {
      let seen = false;
      response.on("data", (part) => {
        // The first text: an upstream's opening event holds none, and the Worker waits for more than that.
        if (!seen && part.includes("word")) {
          first.push(performance.now() - started);
          seen = true;
        }
      });
      response.on("end", () => {
        if (response.statusCode !== 200) failures += 1;
        total.push(performance.now() - started);
        resolve();
      });
    });
    call.on("error", () => {
      failures += 1;
      resolve();
    });
    call.end(text);
  });
}

async function caller(name, until) {
  const self = { name, turns: 0 };
  while (performance.now() < until) await once(self);
}

const percentile = (values, share) => values.sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))];
const begun = performance.now();
await Promise.all(Array.from({ length: connections }, (_, name) => caller(name, begun + seconds * 1000)));
const took = (performance.now() - begun) / 1000;
agent.destroy();
const summary = (values) => ({ p50: percentile(values, 0.5), p99: percentile(values, 0.99) });
console.log(JSON.stringify({ requests: total.length, failures, rate: total.length / took, first: summary(first), total: summary(total) }));
