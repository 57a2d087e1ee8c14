import assert from "node:assert/strict";
import { test } from "node:test";

import { embeddings } from "../../../worker_src/protocols/embeddings/protocol.js";
import { drill, harness, json, refuses, target } from "../fixture.js";

const native = (...data) => () => json({ shape: [data.length, data[0].length], data, pooling: "mean" });
const openaiList = (...vectors) => json({ object: "list", data: vectors.map((embedding, index) => ({ object: "embedding", index, embedding })), model: "x", usage: { prompt_tokens: 7, total_tokens: 7 } });
const capabilities = (more) => ({ chat: false, embeddings: true, images: null, dimensions: null, batch: null, native: false, beside: false, guided: false, ...more });

function serving({ models = { one: native([0.5, -1]) }, ...more } = {}) {
  const proxy = harness({ models, protocols: { embeddings }, ...more });
  return { ...proxy, embed: (body, options = {}) => proxy.fetch("/v1/embeddings", { method: "POST", body: typeof body === "string" ? { input: body } : body, ...options }) };
}
const read = async (response) => ({ status: response.status, ...(await response.json()) });

test("one text and several become vectors in OpenAI's shape, under the name that was asked for", async () => {
  const { embed, calls } = serving({ models: { one: ({ text }) => native(...text.map((_, place) => [place, 0.5]))() } });
  const one = await read(await embed({ model: "@cf/a/b", input: "hello" }));
  assert.deepEqual(one, { status: 200, object: "list", data: [{ object: "embedding", index: 0, embedding: [0, 0.5] }], model: "@cf/a/b", usage: { prompt_tokens: 2, total_tokens: 2 } });
  const { data } = await read(await embed({ input: ["a", "b", "c"] }));
  assert.deepEqual(data.map(({ index, embedding }) => [index, embedding[0]]), [[0, 0], [1, 1], [2, 2]]);
  assert.deepEqual(calls.map(({ inputs }) => inputs), [{ text: ["hello"] }, { text: ["a", "b", "c"] }]);
});

test("base64 is of little-endian 32-bit floats", async () => {
  const { embed } = serving();
  const { data } = await read(await embed({ input: "x", encoding_format: "base64" }));
  const bytes = Buffer.from(data[0].embedding, "base64");
  assert.deepEqual([bytes.length, bytes.readFloatLE(0), bytes.readFloatLE(4)], [8, 0.5, -1]);
});

for (const [name, body, param, code = "invalid_request"] of [
  ["no input", {}, "input"],
  ["an input that is no text", { input: { a: 1 } }, "input"],
  ["an empty text", { input: "" }, "input"],
  ["an empty list", { input: [] }, "input"],
  ["an empty text in a list", { input: ["a", ""] }, "input[1]"],
  ["too many texts", { input: Array(2_049).fill("a") }, "input"],
  ["tokens", { input: [1, 2] }, "input[0]", "unsupported_parameter"],
  ["lists of tokens", { input: [[1, 2]] }, "input[0]", "unsupported_parameter"],
  ["a text that is null", { input: ["a", null] }, "input[1]"],
  ["an unknown encoding", { input: "a", encoding_format: "hex" }, "encoding_format"],
  ["a length of no vector", { input: "a", dimensions: 0 }, "dimensions"],
  ["a user that is no text", { input: "a", user: 7 }, "user"],
  ["an identifier that is no text", { input: "a", safety_identifier: {} }, "safety_identifier"],
  ["a bound of an answer that is no number", { input: "a", max_tokens: "many" }, "max_tokens"],
  ["an unknown model", { input: "a", model: "nope" }, "model", "model_not_found"],
]) {
  test(`${name} is refused with its name`, async () => {
    const { embed, calls } = serving();
    const { error } = await read(await embed(body));
    assert.deepEqual([error.code, error.param, calls.length], [code, param, 0]);
  });
}

test("a model's own bounds hold: the lengths of its vectors, and how many texts at once", async () => {
  const models = { m: { targets: [target("one", { capabilities: capabilities({ dimensions: [2], batch: 2 }) })] } };
  const { embed, calls } = serving({ models: { one: native([1, 2], [3, 4]) }, config: { models, aliases: {} } });
  assert.equal((await embed({ input: ["a", "b"], dimensions: 2 })).status, 200);
  assert.deepEqual(calls[0].inputs, { text: ["a", "b"] });
  const { error } = await read(await embed({ input: ["a", "b"], dimensions: 1 }));
  assert.deepEqual([error.code, error.param], ["unsupported_parameter", "dimensions"]);
  assert.equal((await read(await embed({ input: ["a", "b", "c"] }))).error.param, "input");
});

test("vectors of another length than was asked for are none, and speak against no target", async () => {
  const { embed, calls } = serving({ models: { one: () => openaiList([1, 2, 3]) } });
  for (const [dimensions, status] of [[3, 200], [2, 400], [null, 200]]) assert.equal((await embed({ input: `${dimensions}`, dimensions })).status, status);
  assert.deepEqual(calls.map(({ model }) => model), ["one", "one", "one"]);
});

test("a model for vectors does not chat, and one that chats gives no vectors", async () => {
  const models = { embed: { targets: [target("one", { capabilities: capabilities() })] }, talk: { targets: [target("two", { capabilities: capabilities({ chat: true, embeddings: false }) })] } };
  const { embed, chat, calls } = serving({ config: { models, aliases: {}, default_model: "talk" } });
  for (const [response, words] of [[await embed({ model: "talk", input: "a" }), /'talk' cannot turn texts into vectors/], [await chat({ model: "embed", messages: [{ role: "user", content: "a" }] }), /'embed' cannot chat.*\/v1\/embeddings/]]) {
    const { status, error } = await read(response);
    assert.deepEqual([status, error.code, error.param], [400, "unsupported_parameter", "model"]);
    assert.match(error.message, words);
  }
  assert.equal(calls.length, 0);
});

test("another server is asked at /embeddings, and its order, its numbers and its usage are taken", async (t) => {
  const asked = [];
  t.mock.method(globalThis, "fetch", async (url, { body }) => {
    asked.push([url, JSON.parse(body)]);
    const vectors = [{ index: 1, embedding: [2] }, { index: 0, embedding: [1] }];
    return json({ data: vectors, usage: { prompt_tokens: 9, total_tokens: 9 } });
  });
  const upstreams = { ai: { type: "openai-compatible", base_url: "https://x.example/v1", secret: null } };
  const { embed } = serving({ config: { upstreams } });
  const { data, usage } = await read(await embed({ input: ["a", "b"], dimensions: 1, user: "u", input_type: "query", encoding_format: "base64" }));
  assert.deepEqual(asked, [["https://x.example/v1/embeddings", { input: ["a", "b"], dimensions: 1, user: "u", input_type: "query", model: "one" }]]);
  assert.deepEqual(data.map(({ embedding }) => Buffer.from(embedding, "base64").readFloatLE(0)), [1, 2]);
  assert.deepEqual(usage, { prompt_tokens: 9, total_tokens: 9 });
});

for (const [name, reply] of [
  ["no list", { data: null }],
  ["too few vectors", { data: [[1]] }],
  ["an empty vector", { data: [[], [1]] }],
  ["a vector that holds no number", { data: [["a"], [1]] }],
  ["nothing", null],
]) {
  test(`a model that answers with ${name} has failed, and the next one is asked`, async () => {
    const { embed, calls } = serving({ models: { one: () => json(reply), two: () => openaiList([1], [2]) } });
    const response = await embed({ input: ["a", "b"] });
    assert.equal(response.headers.get("x-edge-target"), "ai/two");
    assert.deepEqual([(await read(response)).data.length, calls.at(-1).model], [2, "two"]);
  });
}

test("fallback, its headers, and the error when nobody answers are a chat's", async () => {
  const { embed } = serving({ models: { one: refuses(500), two: refuses(503) } });
  const { status, error } = await read(await embed("a"));
  assert.deepEqual([status, error.code], [503, "upstream_unavailable"]);
  assert.ok(!JSON.stringify(error).includes("canary"));
});

test("a drill makes the first target fail", async () => {
  const { embed } = serving({ models: { one: native([1]), two: native([2]) } });
  for (const fault of ["error_500", "cut"]) {
    const response = await embed("a", { headers: drill(fault) });
    assert.deepEqual([response.headers.get("x-edge-target"), response.headers.get("x-edge-drill"), (await read(response)).data[0].embedding], ["ai/two", fault, [2]]);
  }
});

test("the same texts are answered from memory and from KV, in the encoding of each request", async () => {
  const { embed, calls, settled, values } = serving();
  await embed("a");
  await settled();
  const again = await embed({ input: ["a"], encoding_format: "base64" });
  assert.equal(again.headers.get("x-edge-cache"), "HIT");
  assert.equal(Buffer.from((await read(again)).data[0].embedding, "base64").length, 8);
  assert.deepEqual([calls.length, values.size], [1, 1]);
  assert.equal((await embed("b")).headers.get("x-edge-cache"), "MISS");
  assert.equal((await embed({ input: "a", dimensions: 2 })).headers.get("x-edge-cache"), "MISS");
});

test("vectors that come from KV take their room in memory: large ones are left there", async () => {
  for (const [length, reads] of [[20, 1], [20_000, 2]]) {
    const models = { one: native(Array(length).fill(0.123456789012345)) };
    const first = serving({ models });
    await first.embed("a");
    await first.settled();
    let read = 0;
    const CACHE = { get: async (name) => { read += 1; return JSON.parse(first.values.get(name)); }, put: async () => {} };
    const other = serving({ models, env: { CACHE } });
    for (const _ of [1, 2]) assert.equal((await other.embed("a")).headers.get("x-edge-cache"), "HIT");
    assert.equal(read, reads);
  }
});

test("a chat and a request for vectors of the same words share nothing in the cache", async () => {
  const model = (inputs) => (inputs.text ? native([1])() : json({ response: "hello" }));
  const { embed, chat, settled } = serving({ models: { one: model } });
  await chat({ messages: [{ role: "user", content: "a" }] });
  await settled();
  const response = await embed("a");
  assert.equal(response.headers.get("x-edge-cache"), "MISS");
  assert.deepEqual((await read(response)).data[0].embedding, [1]);
});

test("usage is counted as told, or estimated and marked so, with its cost, for the protocol", async () => {
  const priced = { m: { targets: [target("one", { price: { input: 2, output: 0, cached_input: null, neurons: { input: 10, output: 0 } } })] } };
  for (const [reply, tokens, estimated] of [[native([1])(), 3, 1], [openaiList([1]), 7, 0]]) {
    const { embed, points, settled } = serving({ models: { one: () => reply }, including: ["usage"], config: { models: priced, aliases: {} } });
    await embed({ input: "twelve chars", user: "ann" });
    await settled();
    const [point] = points;
    assert.deepEqual([points.length, point.protocol, point.tokens_in, point.tokens_out, point.estimated], [1, "embeddings", tokens, 0, estimated]);
    assert.deepEqual([point.user, point.outcome, point.cost, point.neurons], ["ann", "ok", (tokens * 2) / 1e6, (tokens * 10) / 1e6]);
  }
});

test("a refusal is counted too", async () => {
  const { embed, points, settled } = serving({ including: ["usage"] });
  await embed({ input: [1] });
  await settled();
  assert.deepEqual(points.map(({ outcome, error }) => [outcome, error]), [["refused", "unsupported_parameter"]]);
});

test("limits of tokens and requests hold, and are settled by what was used", async () => {
  const rule = (of, most) => ({ name: of, per: "key", of, at_most: most, window_seconds: 60, kind: "fixed", keys: null, models: null, fail: "open" });
  const limits = { max_body_bytes: 20_000, max_messages: 20, max_input_tokens: null, max_output_tokens: 16, cache_hits: "free", rules: [rule("requests", 2), rule("tokens", 40)] };
  const { embed, settled, calls } = serving({ models: { one: () => openaiList([1]) }, including: ["limits"], config: { limits } });
  const boundless = await read(await embed({ input: "x", max_tokens: 1e308, n: 10 }));
  assert.deepEqual([boundless.status, boundless.error.param], [400, "max_tokens"]);
  assert.equal((await embed({ input: "a", max_tokens: 1_000 })).status, 200);
  await settled();
  const second = await embed("b");
  assert.match(second.headers.get("ratelimit"), /"tokens";r=2[0-9];/);
  assert.deepEqual(calls[0].inputs.text, ["a"]);
  const third = await read(await embed("c"));
  assert.deepEqual([third.status, third.error.code], [429, "rate_limit_exceeded"]);
});

test("texts that are longer than a stack allows are refused", async () => {
  const limits = { max_body_bytes: 20_000, max_messages: 20, max_input_tokens: 100, max_output_tokens: null, rules: [], cache_hits: "free" };
  const { error } = await read(await serving({ config: { limits } }).embed("word ".repeat(200)));
  assert.deepEqual([error.code, error.param], ["context_length_exceeded", "input"]);
});

test("embeddings are no turn of a conversation", async () => {
  const { embed, calls } = serving({ including: ["sessions"] });
  for (const [body, headers] of [["a", { "x-conversation-id": "c1" }], [{ input: "a", conversation: "c1" }, {}]]) {
    const { status, error } = await read(await embed(body, { headers }));
    assert.deepEqual([status, error.code, error.param, calls.length], [400, "unsupported_parameter", "conversation", 0]);
  }
});

test("a key for chats alone may not ask for vectors", async () => {
  const keys = { ci: { tenant: "ci", routes: ["chat"] }, other: { tenant: "other", routes: ["embeddings"] }, narrow: { tenant: "ci" } };
  const { embed } = serving({ config: { auth: { mode: "keys", keys } } });
  const { status, error } = await read(await embed("a"));
  assert.deepEqual([status, error.code], [403, "route_not_allowed"]);
  assert.equal((await embed("a", { key: "sk-edge-other" })).status, 200);
});
