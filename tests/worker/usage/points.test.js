import assert from "node:assert/strict";
import { test } from "node:test";

import { BLOBS, COLUMNS, DOUBLES } from "../../../worker_src/usage/schema.js";
import { answers, ask, chunks, harness, json, openaiAnswer, openaiChunks, paced, refuses, sse, target } from "../fixture.js";

const PRICE = { input: 1_000_000, output: 10_000_000, cached_input: null, neurons: { input: 2_000_000, output: 3_000_000 } };
const priced = (model, price = PRICE) => target(model, { price });
const MODELS = { m: { targets: [priced("one"), { ...priced("two", { ...PRICE, input: 5_000_000 }), continuation: "restart" }] } };

const made = ({ including = [], config = {}, ...more } = {}) =>
  harness({ including: ["usage", ...including], config: { models: MODELS, ...config }, ...more });

const pick = (point, ...names) => Object.fromEntries(names.map((name) => [name, point[name]]));
const on = (id, headers = {}) => ({ headers: { "x-conversation-id": id, ...headers } });

test("the table fits into a point of Analytics Engine", () => {
  assert.ok(Object.keys(BLOBS).length <= 20);
  assert.ok(Object.keys(DOUBLES).length <= 20);
  assert.equal(new Set(Object.values(COLUMNS)).size, Object.keys(COLUMNS).length);
  assert.equal(COLUMNS.cost, "double13");
});

test("an answer is one point: who, what, how long, what it cost", async () => {
  for (const stream of [false, true]) {
    const all = made({ models: { one: answers("grüße dich") }, without: ["cache"] });
    const response = await all.chat(ask("hi", { stream, user: "ada" }), { headers: { "x-request-id": "r1" } });
    await response.text();
    assert.equal(all.points.length, 1);
    const [point] = all.points;
    assert.deepEqual(pick(point, "tenant", "kind", "request_id", "key", "user", "protocol", "model", "target", "upstream", "cache", "outcome", "error"), {
      tenant: "ci", kind: "request", request_id: "r1", key: "ci", user: "ada", protocol: "openai", model: "m", target: "ai/one", upstream: "ai", cache: "", outcome: "ok", error: "",
    });
    assert.deepEqual(pick(point, "status", "attempts", "tokens_in", "tokens_out", "estimated", "cost", "saved", "neurons", "stream", "bytes", "fallback", "version", "version_id"), {
      status: 200, attempts: 1, tokens_in: 3, tokens_out: 2, estimated: 0, cost: 23, saved: 0, neurons: 12, stream: stream ? 1 : 0, bytes: 12, fallback: 0, version: "ab".repeat(8), version_id: "11111111-2222-4333-8444-555555555555",
    });
    assert.ok(point.first_byte_ms <= point.total_ms);
  }
});

test("no prompt and no answer is in a point", async () => {
  const all = made({ models: { one: answers("canary-answer") } });
  await (await all.chat(ask("canary-prompt"))).text();
  await (await all.chat(ask("canary-prompt", { model: "canary-prompt" }))).text();
  assert.equal(all.points.length, 2);
  assert.ok(!JSON.stringify(all.points).includes("canary"));
});

test("what is refused is a point without a call", async () => {
  const all = made();
  const requests = [
    [() => all.chat(ask("x"), { key: null }), "invalid_api_key", "", ""],
    [() => all.chat("{"), "invalid_json", "ci", "ci"],
    [() => all.chat(ask("x", { model: "none" })), "model_not_found", "ci", "ci"],
    [() => all.chat(ask("x", { temperature: 9 })), "invalid_request", "ci", "ci"],
  ];
  for (const [request, error, tenant, key] of requests) {
    await (await request()).text();
    assert.deepEqual(pick(all.points.at(-1), "outcome", "error", "attempts", "cost", "tenant", "key"), { outcome: "refused", error, attempts: 0, cost: 0, tenant, key });
  }
  assert.equal(all.points.length, requests.length);
});

test("pages and lists are not counted", async () => {
  const all = made();
  for (const path of ["/v1/models", "/health", "/.well-known/edgewright"]) await (await all.fetch(path)).text();
  assert.deepEqual(all.points, []);
});

test("a hit costs nothing and says what it saved", async () => {
  const all = made({ models: { one: answers("fine") } });
  await (await all.chat(ask("hi"))).text();
  for (const stream of [false, true]) await (await all.chat(ask("hi", { stream }))).text();
  const [, ...hits] = all.points;
  for (const hit of hits) {
    assert.deepEqual(pick(hit, "cache", "attempts", "tokens_in", "tokens_out", "cost", "saved", "tokens_saved", "target", "outcome"), {
      cache: "HIT", attempts: 0, tokens_in: 0, tokens_out: 0, cost: 0, saved: 23, tokens_saved: 5, target: "ai/one", outcome: "ok",
    });
  }
  assert.equal(hits.length, 2);
});

test("a call that many share is paid for once", async () => {
  const all = made({ models: { one: async () => (await new Promise((wait) => setTimeout(wait, 20)), json(openaiAnswer("fine"))) } });
  await Promise.all(Array.from({ length: 10 }, async () => (await all.chat(ask("hi"))).text()));
  await all.settled();
  assert.equal(all.points.length, 10);
  assert.equal(all.points.reduce((sum, { cost }) => sum + cost, 0), 23);
  assert.equal(all.points.reduce((sum, { tokens_in: tokens }) => sum + tokens, 0), 3);
  assert.equal(all.points.filter(({ cache }) => cache === "COALESCED").length, 9);
});

test("a fallback before the first byte is one point, of the target that answered, at its price", async () => {
  const all = made({ models: { one: refuses(500, 3043), two: answers("fine") } });
  await (await all.chat(ask("hi"))).text();
  assert.deepEqual(all.points.map((point) => pick(point, "target", "attempts", "fallback", "cost", "outcome")), [
    { target: "ai/two", attempts: 3, fallback: 1, cost: 35, outcome: "ok" },
  ]);
});

test("a failure is told with its code", async () => {
  const all = made({ models: { one: refuses(500, 3043), two: refuses(500, 3043) } });
  await (await all.chat(ask("hi"))).text();
  assert.deepEqual(pick(all.points[0], "outcome", "error", "status", "cost"), { outcome: "failed", error: "upstream_unavailable", status: 503, cost: 0 });
});

test("each leg of a switched stream is paid at its own price, and the request counts once", async () => {
  const broken = () => sse(...openaiChunks("one two three").slice(0, 2), new Error("cut"));
  const all = made({ including: ["continuation"], without: ["cache"], models: { one: broken, two: answers("one two three") } });
  await chunks(await all.chat(ask("hi", { stream: true })));
  const [leg, request] = all.points;
  assert.deepEqual(pick(leg, "kind", "target", "estimated", "tokens_out"), { kind: "leg", target: "ai/one", estimated: 1, tokens_out: 2 });
  assert.deepEqual(pick(request, "kind", "target", "estimated", "outcome", "fallback"), { kind: "request", target: "ai/two", estimated: 0, outcome: "ok", fallback: 1 });
  assert.equal(request.cost, 35);
  assert.equal(all.points.length, 2);
});

test("a stream that breaks off is a failure with an estimate of what came", async () => {
  const all = made({ without: ["cache"], models: { one: () => sse(...openaiChunks("one two three").slice(0, 2), new Error("cut")) } });
  await (await all.chat(ask("hi", { stream: true }))).text();
  assert.deepEqual(pick(all.points[0], "outcome", "error", "status", "tokens_out", "estimated"), { outcome: "failed", error: "stream_truncated", status: 502, tokens_out: 2, estimated: 1 });
});

test("a caller who leaves a stream is told apart, with what had come", async () => {
  const endless = () => sse(...Array.from({ length: 500 }, () => ({ choices: [{ index: 0, delta: { content: "w " }, finish_reason: null }] })));
  for (const without of [["cache"], []]) {
    const all = made({ without, models: { one: endless } });
    const reader = (await all.chat(ask("hi", { stream: true }))).body.getReader();
    await reader.read();
    await reader.cancel();
    await all.settled();
    assert.deepEqual(pick(all.points[0], "outcome", "error", "estimated", "attempts"), { outcome: "cancelled", error: "client_closed_request", estimated: 1, attempts: 1 });
    assert.ok(all.points[0].tokens_out > 0);
    assert.equal(all.points.length, 1);
  }
});

test("what an upstream does not tell is estimated, and said to be", async () => {
  const all = made({ models: { one: () => json({ choices: [{ message: { content: "twelve chars" }, finish_reason: "stop" }] }) } });
  await (await all.chat(ask("hi"))).text();
  assert.deepEqual(pick(all.points[0], "estimated", "tokens_out"), { estimated: 1, tokens_out: 3 });
});

test("cached and reasoning tokens are told, and cached ones cost less", async () => {
  const usage = { prompt_tokens: 10, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 4 }, completion_tokens_details: { reasoning_tokens: 2 } };
  const config = { models: { m: { targets: [priced("one", { ...PRICE, cached_input: 0 })] } } };
  const all = made({ config, models: { one: () => json({ ...openaiAnswer("x"), usage }) } });
  await (await all.chat(ask("hi"))).text();
  assert.deepEqual(pick(all.points[0], "tokens_in", "tokens_cached", "tokens_reasoning", "cost"), { tokens_in: 10, tokens_cached: 4, tokens_reasoning: 2, cost: 56 });
});

test("a turn is one point, written where it runs; a repeated one cost nothing", async () => {
  const all = made({ including: ["sessions"], without: ["cache"] });
  const headers = { "idempotency-key": "k1", "x-request-id": "r1" };
  await (await all.chat(ask("hi"), on("talk", headers))).text();
  await (await all.chat(ask("hi"), on("talk", headers))).text();
  assert.deepEqual(all.points.map((point) => pick(point, "conversation", "request_id", "cache", "cost", "saved", "attempts", "tenant")), [
    { conversation: 1, request_id: "r1", cache: "", cost: 23, saved: 0, attempts: 1, tenant: "ci" },
    { conversation: 1, request_id: "r1", cache: "REPLAY", cost: 0, saved: 0, attempts: 0, tenant: "ci" },
  ]);
});

test("a run that is stopped is no answer, whether the cache is on or not", async () => {
  const [first, ...rest] = openaiChunks("one two");
  for (const without of [["cache"], []]) {
    const all = made({ including: ["sessions"], without, models: { one: () => paced(first, new Promise(() => {}), ...rest) } });
    const response = await all.chat(ask("hi", { stream: true }), on("talk"));
    await response.body.getReader().read();
    await all.fetch(`/v1/conversations/talk/runs/${response.headers.get("x-edge-run")}/stop`, { method: "POST" });
    while (!all.points.length) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(all.points.map((point) => pick(point, "outcome", "error", "status", "attempts")), [{ outcome: "cancelled", error: "client_closed_request", status: 499, attempts: 1 }]);
  }
});

test("a turn that is refused before it runs is a refusal", async () => {
  const all = made({ including: ["sessions"] });
  await (await all.chat(ask("hi"), on("no spaces"))).text();
  assert.deepEqual(all.points.map(({ outcome }) => outcome), ["refused"]);
});

test("a run that is lost with its object is counted with what had come, once", async () => {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  const [first, ...rest] = openaiChunks("one two");
  const all = made({ including: ["sessions"], without: ["cache"], models: { one: () => paced(first, held, ...rest) } });
  const response = await all.chat(ask("hi", { stream: true, user: "ada" }), on("talk", { "x-request-id": "r1" }));
  await response.body.getReader().read();
  all.objects.crash();
  assert.equal(all.points.length, 0);
  for (let turn = 0; turn < 2; turn += 1) await (await all.fetch("/v1/conversations/talk")).text();
  assert.deepEqual(all.points.map((point) => pick(point, "kind", "request_id", "key", "user", "target", "outcome", "error", "attempts", "estimated", "tokens_in", "tokens_out", "conversation", "stream", "tenant")), [
    { kind: "request", request_id: "r1", key: "ci", user: "ada", target: "ai/one", outcome: "failed", error: "run_interrupted", attempts: 1, estimated: 1, tokens_in: 8, tokens_out: 1, conversation: 1, stream: 1, tenant: "ci" },
  ]);
  release();
});

test("a turn that is dropped before it runs is a point without a call", async () => {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  const [first, ...rest] = openaiChunks("one two");
  const all = made({ including: ["sessions"], without: ["cache"], models: { one: () => paced(first, held, ...rest) } });
  const running = await all.chat(ask("a", { stream: true }), on("talk"));
  const dropped = all.chat(ask("b", { stream: true }), on("talk"));
  await new Promise((resolve) => setImmediate(resolve));
  const latest = all.chat(ask("c", { stream: true }), on("talk", { "x-edge-overlap": "latest" }));
  for (const each of [running, await dropped]) await each.text();
  release();
  await (await latest).text();
  assert.deepEqual(all.points.map(({ outcome, error, attempts, conversation }) => [outcome, error, attempts, conversation]), [
    ["cancelled", "client_closed_request", 1, 1], ["refused", "run_stopped", 0, 1], ["ok", "", 1, 1],
  ]);
});

test("what goes wrong with a point is no caller's matter", async () => {
  const all = made({ env: { USAGE: { writeDataPoint: () => { throw new Error("broken"); } } } });
  assert.equal((await all.chat(ask("hi"))).status, 200);
});
