// The upstream of the benchmarks: answers OpenAI chat and embeddings at once, JSON or 22 server-sent events (each a
// chunk of its own, at once or one every `pace` ms), and serves workerd's KV protocol from a Map. Prints its port.
import { createServer } from "node:http";

const WORDS = 20;
const values = new Map();
const chunk = (delta, finish = null) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const EVENTS = [
  chunk({ role: "assistant", content: "" }),
  ...Array.from({ length: WORDS }, (_, index) => chunk({ content: `word${index} ` })),
  chunk({}, "stop"),
  "data: [DONE]\n\n",
];
const ANSWER = JSON.stringify({
  id: "c", object: "chat.completion", created: 1, model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "word ".repeat(WORDS) }, finish_reason: "stop" }],
  usage: { prompt_tokens: 5, completion_tokens: WORDS, total_tokens: WORDS + 5 },
});

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
}

async function kv(request, response) {
  const key = request.url.split("?")[0];
  if (request.method === "PUT") {
    values.set(key, await body(request));
    return response.end();
  }
  const held = values.get(key);
  response.statusCode = held ? 200 : 404;
  return response.end(held);
}

const VECTOR = JSON.stringify({
  object: "list", model: "m", usage: { prompt_tokens: 5, total_tokens: 5 },
  data: [{ object: "embedding", index: 0, embedding: Array.from({ length: 1_024 }, (_, index) => Math.sin(index)) }],
});

async function model(request, response) {
  const asked = JSON.parse(await body(request));
  if (request.url.endsWith("/embeddings")) {
    response.setHeader("content-type", "application/json");
    return response.end(VECTOR);
  }
  if (!asked.stream) {
    response.setHeader("content-type", "application/json");
    return response.end(ANSWER);
  }
  response.setHeader("content-type", "text/event-stream");
  const pace = Number(asked.user ?? 0);
  for (const event of EVENTS) {
    response.write(event);
    if (pace) await new Promise((resolve) => setTimeout(resolve, pace));
  }
  return response.end();
}

const server = createServer((request, response) =>
  request.headers["x-kv"] ? kv(request, response) : model(request, response),
);
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
