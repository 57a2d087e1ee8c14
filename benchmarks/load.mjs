// A closed loop: `connections` callers, each sends its next request when the last has ended, for `seconds`.
// Arguments as JSON; prints {requests, failures, rate, first: {p50, p99}, total: {p50, p99}} (ms).
import { Agent, request } from "node:http";

const { url, key, connections, seconds, stream, pace, same, conversation, protocol } = JSON.parse(process.argv[2]);
const agent = new Agent({ keepAlive: true, maxSockets: connections });
const first = [];
const total = [];
let failures = 0;
let serial = 0;

/** So many turns a conversation has. */
const TURNS = 10;

const user = (content) => ({ id: "u", role: "user", content });
const run = (content) => ({ threadId: "t", runId: "r", messages: [user(content)] });
const gql = (content) => ({
  operationName: "generateCopilotResponse",
  query: "mutation generateCopilotResponse { x }",
  variables: {
    data: {
      frontend: { actions: [] },
      metadata: { requestType: "Chat" },
      threadId: "t",
      messages: [{ id: "u", createdAt: "2026-11-29T00:00:00Z", textMessage: { role: "user", content } }],
    },
    properties: {},
  },
});

/** Path and body of a request in each protocol. */
const ASKS = {
  openai: (content, more) => ["/v1/chat/completions", { model: "m", stream, ...more, messages: [user(content)] }],
  ag_ui: (content) => ["/agent/default/run", run(content)],
  anthropic: (content) => ["/v1/messages", { model: "m", max_tokens: 100, stream, messages: [{ role: "user", content }] }],
  completions: (prompt) => ["/v1/completions", { model: "m", stream, prompt }],
  copilotkit: (content) => ["/copilotkit/agent/default/run", run(content)],
  copilotkit_graphql: (content) => ["/copilotkit", gql(content)],
  embeddings: (input) => ["/v1/embeddings", { model: "m", input, encoding_format: "base64" }],
  responses: (input) => ["/v1/responses", { model: "m", stream, store: false, input }],
};

function once(caller) {
  return new Promise((resolve) => {
    const started = performance.now();
    const [path, body] = ASKS[protocol](same ? "the same" : `question ${process.pid} ${serial++}`, {
      ...(conversation ? { conversation: `talk-${process.pid}-${caller.name}-${Math.floor(caller.turns++ / TURNS)}` } : {}),
      ...(pace ? { user: String(pace) } : {}),
    });
    const text = JSON.stringify(body);
    const accept = stream ? "multipart/mixed, text/event-stream" : "application/json";
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text), authorization: `Bearer ${key}`, accept };
    const call = request(`${url}${path}`, { method: "POST", agent, headers }, (response) => {
      let seen = false;
      response.on("data", (part) => {
        // The first text: an upstream's opening event holds none, and the Worker waits for more than that.
        if (!seen && (protocol === "embeddings" || part.includes("word"))) {
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
