import assert from "node:assert/strict";
import { test } from "node:test";

import { embeddings } from "../../../worker_src/protocols/embeddings/protocol.js";
import { answers, ask, chunks, json, openaiAnswer, openaiChunks, paced, refuses, sse } from "../fixture.js";
import { PARENT, TRACE, collected, priced, valuesOf } from "./collected.js";

const pick = (from, ...names) => Object.fromEntries(names.map((name) => [name, from[name]]));
const SERVER = 2;
const CLIENT = 3;
const on = (headers) => ({ headers: { "x-conversation-id": "talk", ...headers } });

test("an answer is one batch: the request, and beneath it the call by the conventions", async (t) => {
  for (const stream of [false, true]) {
    const all = collected(t, { models: { one: answers("fine") }, without: ["cache"] });
    await (await all.chat(ask("hi", { stream }), { headers: { "x-request-id": "r1" } })).text();
    await all.over();
    const [{ url, init, body }, ...further] = all.exports;
    assert.deepEqual(further, []);
    assert.deepEqual([url, init.method, init.headers["content-type"]], ["https://otel.example/base/v1/traces", "POST", "application/json"]);
    assert.deepEqual(valuesOf(body.resourceSpans[0].resource.attributes), {
      "service.name": "edge-test", "service.version": "ab".repeat(32), "deployment.environment.name": "dev",
    });
    const [request, call] = all.spans();
    assert.deepEqual(pick(request, "name", "kind", "status", "parentSpanId", "flags"), { name: "POST /v1/chat/completions", kind: SERVER, status: {}, parentSpanId: undefined, flags: 0x101 });
    assert.deepEqual(pick(call, "name", "kind", "status", "parentSpanId", "traceId", "flags"), { name: "chat one", kind: CLIENT, status: {}, parentSpanId: request.spanId, traceId: request.traceId, flags: 0x101 });
    const { "edgewright.first_byte_ms": first, ...is } = request.is;
    assert.ok(first >= 0);
    assert.deepEqual(is, {
      "http.request.method": "POST", "http.route": "/v1/chat/completions", "url.path": "/v1/chat/completions", "url.scheme": "https",
      "server.address": "edge.example", "server.port": 443, "http.response.status_code": 200, "edgewright.request.id": "r1", "edgewright.tenant": "ci",
      "edgewright.client": "ci", "edgewright.protocol": "openai", "edgewright.model": "m", "edgewright.target": "ai/one", "edgewright.outcome": "ok",
      "edgewright.attempts": 1, "edgewright.fallback": false, "edgewright.stream": stream, "edgewright.cost": 23,
    });
    const { "gen_ai.response.time_to_first_chunk": chunk, ...told } = call.is;
    assert.equal(chunk !== undefined, stream);
    assert.deepEqual(told, {
      "gen_ai.operation.name": "chat", "gen_ai.provider.name": "cloudflare.workers_ai", "gen_ai.request.model": "one", ...(stream ? { "gen_ai.request.stream": true } : {}),
      "gen_ai.response.finish_reasons": ["stop"], "gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 2, "http.response.status_code": 200,
      "edgewright.upstream": "ai", "edgewright.estimated": false, "edgewright.cost": 23, "edgewright.neurons": 12,
    });
    assert.ok(BigInt(request.startTimeUnixNano) <= BigInt(call.startTimeUnixNano));
    assert.ok(BigInt(call.endTimeUnixNano) <= BigInt(request.endTimeUnixNano));
    assert.match(request.startTimeUnixNano, /^\d{19}$/);
  }
});

test("a call for embeddings is called so", async (t) => {
  const all = collected(t, { models: { one: () => json({ shape: [1, 1], data: [[1]] }) }, without: ["cache"], protocols: { embeddings } });
  await (await all.fetch("/v1/embeddings", { method: "POST", body: { input: "hi" } })).text();
  await all.over();
  const [request, call] = all.spans();
  assert.deepEqual([request.name, call.name, call.is["gen_ai.operation.name"]], ["POST /v1/embeddings", "embeddings one", "embeddings"]);
});

test("the headers of the secret go along, and not over our own", async (t) => {
  const all = collected(t, { env: { OTLP_HEADERS: '{"authorization":"Bearer canary","x-dataset":"edge"}' } });
  await (await all.chat(ask("hi"))).text();
  assert.deepEqual(all.exports[0].init.headers, { authorization: "Bearer canary", "x-dataset": "edge", "content-type": "application/json" });
  assert.equal(all.exports[0].init.redirect, "manual");
  assert.ok(!all.exports[0].init.body.includes("canary"));
});

test("no prompt, answer, tool, user or key is in a batch", async (t) => {
  const call = { choices: [{ message: { content: "canary-answer", reasoning_content: "canary-thought", tool_calls: [{ id: "canary-id", function: { name: "canary-tool", arguments: "canary" } }] }, finish_reason: "tool_calls" }], model: "canary model with words" };
  const all = collected(t, { without: ["cache"], models: { one: () => json(call), two: refuses(500, 3043) } });
  const tools = [{ type: "function", function: { name: "canary_tool", parameters: {} } }];
  await (await all.chat(ask("canary-prompt", { user: "canary-user", tools, stop: ["canary-stop"] }))).text();
  await (await all.chat(ask("canary-prompt", { model: "canary-model" }))).text();
  await (await all.chat(ask("canary-prompt"), { key: "sk-edge-canary" })).text();
  await (await all.fetch("/v1/chat/completions?canary=query", { method: "POST", body: ask("canary-prompt") })).text();
  await all.over();
  assert.equal(all.exports.length, 4);
  assert.ok(!JSON.stringify(all.exports).includes("canary"));
});

test("each attempt of a fallback is a child, with its own failure", async (t) => {
  const all = collected(t, { models: { one: refuses(429, 3040), two: () => json({ ...openaiAnswer("fine"), model: "two-0613" }) } });
  await (await all.chat(ask("hi"))).text();
  const [request, ...calls] = all.spans();
  assert.deepEqual(calls.map(({ name, status, is }) => [name, status.code, is["error.type"], is["http.response.status_code"], is["gen_ai.usage.output_tokens"]]), [
    ["chat one", 2, "capacity", 429, undefined],
    ["chat one", 2, "capacity", 429, undefined],
    ["chat two", undefined, undefined, 200, 2],
  ]);
  assert.equal(calls[2].is["gen_ai.response.model"], "two-0613");
  assert.ok(calls.every(({ parentSpanId }) => parentSpanId === request.spanId));
  assert.equal(new Set(calls.map(({ spanId }) => spanId)).size, 3);
  assert.deepEqual(pick(request.is, "edgewright.attempts", "edgewright.fallback", "edgewright.outcome", "edgewright.target"), { "edgewright.attempts": 3, "edgewright.fallback": true, "edgewright.outcome": "ok", "edgewright.target": "ai/two" });
});

test("the legs of a switched stream tell what each used, and the request what all did", async (t) => {
  const broken = () => sse(...openaiChunks("one two three").slice(0, 2), new Error("cut"));
  const all = collected(t, { including: ["continuation"], without: ["cache"], models: { one: broken, two: answers("one two three") } });
  await chunks(await all.chat(ask("hi", { stream: true })));
  await all.over();
  const [request, first, second] = all.spans();
  assert.deepEqual(pick(first.is, "error.type", "gen_ai.usage.output_tokens", "edgewright.estimated", "gen_ai.response.finish_reasons"), { "error.type": "truncated", "gen_ai.usage.output_tokens": 2, "edgewright.estimated": true, "gen_ai.response.finish_reasons": undefined });
  assert.deepEqual(pick(second.is, "error.type", "gen_ai.usage.output_tokens", "edgewright.estimated"), { "error.type": undefined, "gen_ai.usage.output_tokens": 2, "edgewright.estimated": false });
  assert.equal(request.is["edgewright.cost"], all.points.reduce((sum, { cost }) => sum + cost, 0));
  assert.equal(request.is["edgewright.cost"], first.is["edgewright.cost"] + second.is["edgewright.cost"]);
});

test("a failure is an error of the request; a refusal is the caller's own", async (t) => {
  const all = collected(t, { models: { one: refuses(500, 3043), two: refuses(500, 3043) } });
  await (await all.chat(ask("hi"))).text();
  assert.deepEqual([all.spans()[0].status, all.spans()[0].is["error.type"], all.spans()[0].is["http.response.status_code"]], [{ code: 2 }, "upstream_unavailable", 503]);
  const refused = collected(t);
  await (await refused.chat(ask("hi", { model: "none" }))).text();
  await (await refused.chat(ask("hi"), { key: null })).text();
  const [unknown, nobody] = refused.spans();
  assert.deepEqual([unknown.status, unknown.is["error.type"], unknown.is["http.response.status_code"], unknown.is["edgewright.outcome"]], [{}, "model_not_found", 404, "refused"]);
  assert.deepEqual([nobody.is["edgewright.tenant"], nobody.is["http.response.status_code"]], [undefined, 401]);
});

test("a stream that breaks off was begun with 200 and is an error", async (t) => {
  const all = collected(t, { without: ["cache"], models: { one: () => sse(...openaiChunks("one two three").slice(0, 2), new Error("cut")) } });
  await (await all.chat(ask("hi", { stream: true }))).text();
  const [request] = all.spans();
  assert.deepEqual([request.status, request.is["error.type"], request.is["http.response.status_code"]], [{ code: 2 }, "stream_truncated", 200]);
});

test("who leaves is no error of anybody's", async (t) => {
  const endless = () => sse(...Array.from({ length: 500 }, () => ({ choices: [{ index: 0, delta: { content: "w " }, finish_reason: null }] })));
  const all = collected(t, { without: ["cache"], models: { one: endless } });
  const reader = (await all.chat(ask("hi", { stream: true }))).body.getReader();
  await reader.read();
  await reader.cancel();
  await all.over();
  const [request, call] = all.spans();
  assert.deepEqual([request.status, request.is["edgewright.outcome"], request.is["error.type"]], [{}, "cancelled", "client_closed_request"]);
  assert.deepEqual([call.status, call.is["error.type"]], [{}, "left"]);
});

test("a hit has no call, and says what it saved", async (t) => {
  const all = collected(t, { models: { one: answers("fine") } });
  for (let turn = 0; turn < 2; turn += 1) await (await all.chat(ask("hi"))).text();
  await all.over();
  const hit = all.exports[1].body.resourceSpans[0].scopeSpans[0].spans;
  assert.equal(hit.length, 1);
  assert.deepEqual(pick(valuesOf(hit[0].attributes), "edgewright.cache.status", "edgewright.attempts", "edgewright.cost", "edgewright.saved", "edgewright.tokens_saved"), {
    "edgewright.cache.status": "HIT", "edgewright.attempts": 0, "edgewright.cost": 0, "edgewright.saved": 23, "edgewright.tokens_saved": 5,
  });
});

test("a caller's trace goes on, and so does its decision", async (t) => {
  const all = collected(t, { telemetry: { sample_ratio: 0 } });
  const traced = (flags) => all.chat(ask("hi"), { headers: { traceparent: `00-${TRACE}-${PARENT}-${flags}` } });
  await (await traced("00")).text();
  await (await all.chat(ask("hi"))).text();
  assert.deepEqual(all.exports, []);
  await (await traced("01")).text();
  const [request] = all.spans();
  assert.deepEqual(pick(request, "traceId", "parentSpanId", "flags"), { traceId: TRACE, parentSpanId: PARENT, flags: 0x301 });
  const whole = collected(t);
  await (await whole.chat(ask("hi"), { headers: { traceparent: `00-${TRACE}-${PARENT}-00` } })).text();
  assert.deepEqual(whole.exports, []);
});

test("an openai-compatible upstream is named with its address, where spans and models share the network", async (t) => {
  const answer = ({ url }) => (url.endsWith("/v1/traces") ? new Response("{}") : json(openaiAnswer("fine")));
  const upstreams = { api: { type: "openai-compatible", base_url: "https://models.example:8443/v1", secret: null } };
  const all = collected(t, { answer, config: { upstreams, models: { m: { targets: [priced("a/b", { upstream: "api" })] } } } });
  await (await all.chat(ask("hi"))).text();
  const { body } = all.exports.find(({ url }) => url.endsWith("/v1/traces"));
  const [, call] = body.resourceSpans[0].scopeSpans[0].spans;
  assert.equal(call.name, "chat a/b");
  assert.deepEqual(pick(valuesOf(call.attributes), "gen_ai.provider.name", "server.address", "server.port", "edgewright.upstream"), { "gen_ai.provider.name": "openai", "server.address": "models.example", "server.port": 8443, "edgewright.upstream": "api" });
});

test("a turn is told by its object, in its caller's trace, and a repeated one makes no call", async (t) => {
  const all = collected(t, { including: ["sessions"], without: ["cache"] });
  const headers = { "idempotency-key": "k1", traceparent: `00-${TRACE}-${PARENT}-01` };
  for (let turn = 0; turn < 2; turn += 1) await (await all.chat(ask("hi"), on(headers))).text();
  await all.over();
  const [request, call, again, ...further] = all.spans();
  assert.deepEqual(further, []);
  assert.deepEqual(pick(request, "name", "traceId", "parentSpanId"), { name: "POST /v1/chat/completions", traceId: TRACE, parentSpanId: PARENT });
  assert.deepEqual([request.is["gen_ai.conversation.id"], call.is["gen_ai.conversation.id"], call.parentSpanId], ["talk", "talk", request.spanId]);
  assert.deepEqual([again.is["edgewright.cache.status"], again.is["edgewright.attempts"], again.is["http.response.status_code"]], ["REPLAY", 0, 200]);
});

test("a run that is lost with its object is told in its caller's trace once the object is there again", async (t) => {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  const [first, ...rest] = openaiChunks("one two");
  const all = collected(t, { including: ["sessions"], without: ["cache"], models: { one: () => paced(first, held, ...rest) } });
  const headers = { traceparent: `00-${TRACE}-${PARENT}-01` };
  await (await all.chat(ask("hi", { stream: true }), on(headers))).body.getReader().read();
  all.objects.crash();
  assert.deepEqual(all.exports, []);
  for (let turn = 0; turn < 2; turn += 1) await (await all.fetch("/v1/conversations/talk")).text();
  const [request, call, ...further] = all.spans();
  assert.deepEqual(further, []);
  assert.deepEqual([request.traceId, request.parentSpanId, request.name, request.is["error.type"], request.is["http.response.status_code"]], [TRACE, PARENT, "POST /v1/chat/completions", "run_interrupted", undefined]);
  assert.deepEqual([call.status, call.is["error.type"], call.is["edgewright.estimated"]], [{ code: 2 }, "lost", true]);
  assert.match(call.startTimeUnixNano, /^\d{19}$/);
  assert.match(call.endTimeUnixNano, /^\d{19}$/);
  release();
});

test("an export is nothing that a run waits for", async (t) => {
  let take;
  const all = collected(t, { including: ["sessions"], answer: () => new Promise((resolve) => (take = resolve)) });
  await (await all.chat(ask("hi"), on())).text();
  assert.equal(all.objects.afterwards.length, 1);
  take(new Response("{}"));
  await all.over();
});

test("the calls of a summary are told beneath the turn that it is made for", async (t) => {
  const sessions = { overlap: "queue", on_disconnect: "keep", max_context_tokens: 400, retention_seconds: 60, replay_seconds: 60, summary: { model: "short", max_tokens: 50 } };
  const models = { m: { targets: [priced("one")] }, short: { targets: [priced("shortener")] } };
  const all = collected(t, { including: ["sessions", "summaries"], without: ["cache"], config: { sessions, models } });
  for (let turn = 0; turn < 4; turn += 1) await (await all.chat(ask(`${turn}${"x".repeat(400)}`), on())).text();
  await all.over();
  const spans = all.spans();
  const summary = spans.find(({ name }) => name === "chat shortener");
  const parent = spans.find(({ spanId }) => spanId === summary.parentSpanId);
  assert.deepEqual([parent.kind, parent.traceId, parent.is["edgewright.model"]], [SERVER, summary.traceId, "m"]);
  assert.equal(spans.filter(({ kind }) => kind === SERVER).length, 4);
});

test("an answer waits for no collector, and one that hangs is given up", async (t) => {
  const hanging = ({ init }) => new Promise((_, reject) => init.signal.addEventListener("abort", () => reject(init.signal.reason)));
  for (const stream of [false, true]) {
    const all = collected(t, { answer: hanging, telemetry: { timeout_ms: 100 } });
    await (await all.chat(ask("hi", { stream }))).text();
    assert.equal(all.exports[0].init.signal.aborted, false);
    await all.over();
    assert.equal(all.exports[0].init.signal.aborted, true);
    assert.equal(all.exports.length, 1);
  }
});

test("what a collector does with spans is no caller's matter, and nothing is sent twice", async (t) => {
  const refusing = [() => new Response("canary", { status: 503, headers: { "retry-after": "0" } }), () => new Response(null, { status: 302, headers: { location: "https://x.example" } }), () => { throw new TypeError("network"); }];
  for (const answer of refusing) {
    const all = collected(t, { answer });
    const response = await all.chat(ask("hi"));
    assert.equal((await response.json()).choices[0].message.content, "fine");
    await all.over();
    assert.deepEqual([response.status, all.exports.length, all.points.length], [200, 1, 1]);
  }
});

test("a secret that is no JSON loses the spans and no answer", async (t) => {
  const all = collected(t, { env: { OTLP_HEADERS: "{" } });
  assert.equal((await all.chat(ask("hi"))).status, 200);
  assert.deepEqual([all.exports.length, all.points.length], [0, 1]);
});

test("a collector that is behind holds so many exports and no more, until their time is up", async (t) => {
  const all = collected(t, { answer: () => new Promise(() => {}) });
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
  const crowd = async (count) => {
    for (let turn = 0; turn < count; turn += 1) await (await all.chat(ask(`hi ${turn}`))).text();
  };
  await crowd(70);
  assert.equal(all.exports.length, 64);
  t.mock.timers.tick(5_001);
  await crowd(1);
  assert.equal(all.exports.length, 65);
});

test("a point that cannot be written takes no span with it", async (t) => {
  const all = collected(t, { env: { USAGE: { writeDataPoint: () => { throw new Error("broken"); } } } });
  await (await all.chat(ask("hi"))).text();
  assert.equal(all.exports.length, 1);
});

test("a turn over a socket is no HTTP request, and told all the same", async (t) => {
  const all = collected(t, { including: ["sessions", "sockets"], without: ["cache"] });
  const { webSocket } = await all.fetch("/v1/conversations/talk/socket", { headers: { upgrade: "websocket" } });
  await all.objects.say(webSocket, { type: "start", ...ask("hi") });
  while (all.exports.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await all.over();
  const [request, call] = all.spans();
  assert.deepEqual([request.name, request.kind, request.is["http.route"], request.is["http.response.status_code"]], ["conversation turn", SERVER, undefined, undefined]);
  assert.deepEqual([request.is["edgewright.protocol"], request.is["gen_ai.conversation.id"], call.parentSpanId], ["socket", "talk", request.spanId]);
});
