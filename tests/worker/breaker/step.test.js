import assert from "node:assert/strict";
import { test } from "node:test";

import { breaker } from "../../../worker_src/breaker/step.js";
import { UpstreamFailure, classify } from "../../../worker_src/upstream/failure.js";
import { FALLBACK, answers, ask, drill, harness, json, openaiAnswer, refuses, target } from "../fixture.js";

const SETTINGS = { failures: 3, open_ms: 1_000, max_open_ms: 3_000, probe_ms: 100 };
const ILL = new UpstreamFailure("unavailable");
const make = () => breaker({ breaker: SETTINGS });

/** Fails `times` calls at `now`, each admitted as closed. */
function fail(held, times, now) {
  for (let call = 0; call < times; call += 1) held.ended("t", "closed", ILL, now);
}

test("it opens after so many failures in a row, and a success in between starts the count anew", () => {
  const held = make();
  fail(held, 2, 0);
  held.ended("t", "closed", null, 0);
  fail(held, 2, 0);
  assert.equal(held.admit("t", 0), "closed");
  fail(held, 1, 0);
  assert.equal(held.admit("t", 999), "open");
  assert.equal(held.admit("other", 0), "closed");
});

test("one request probes; the others stay away until it has a verdict", () => {
  const held = make();
  fail(held, 3, 0);
  assert.equal(held.admit("t", 1_000), "probe");
  assert.equal(held.admit("t", 1_000), "open");
  held.began("t", "probe");
  assert.equal(held.admit("t", 1_001), "closed");
  held.ended("t", "closed", ILL, 1_001);
  assert.equal(held.admit("t", 1_002), "open");
});

test("a probe that fails opens it for twice as long, up to the longest", () => {
  const held = make();
  fail(held, 3, 0);
  assert.equal(held.admit("t", 1_000), "probe");
  held.ended("t", "probe", ILL, 1_000);
  assert.equal(held.admit("t", 2_999), "open");
  assert.equal(held.admit("t", 3_000), "probe");
  held.ended("t", "probe", ILL, 3_000);
  assert.equal(held.reopens("t"), 6_000);
  assert.equal(held.admit("t", 6_000), "probe");
  held.ended("t", "probe", null, 6_000);
  assert.equal(held.admit("t", 6_000), "closed");
});

test("a probe whose outcome is never told does not close the target for ever", () => {
  const held = make();
  fail(held, 3, 0);
  assert.equal(held.admit("t", 1_000), "probe");
  assert.equal(held.admit("t", 1_199), "open");
  assert.equal(held.admit("t", 1_200), "probe");
});

test("the patience with a probe grows with its pause, to the longest", () => {
  const held = make();
  assert.equal(held.patience("t"), 100);
  fail(held, 3, 0);
  assert.equal(held.patience("t"), 100);
  held.admit("t", 1_000);
  held.ended("t", "probe", ILL, 1_000);
  assert.equal(held.patience("t"), 200);
  held.admit("t", 3_000);
  held.ended("t", "probe", ILL, 3_000);
  assert.equal(held.patience("t"), 3_000);
});

test("calls that began before it opened do not lengthen the pause", () => {
  const held = make();
  fail(held, 10, 0);
  assert.equal(held.reopens("t"), 1_000);
});

test("a target that asks for a pause gets it at once, up to the longest", () => {
  const asks = (seconds) => classify(429, { response: new Response(null, { status: 429, headers: { "retry-after": String(seconds) } }) });
  const held = make();
  held.ended("t", "closed", asks(0), 0);
  assert.equal(held.admit("t", 0), "closed");
  held.ended("t", "closed", asks(2), 0);
  assert.equal(held.reopens("t"), 2_000);
  held.ended("u", "closed", asks(3_600), 0);
  assert.equal(held.reopens("u"), 3_000);
});

test("what is the caller's doing says nothing of the target", () => {
  const held = make();
  for (const kind of ["left", "deadline", "bad_request", "context_length", "filtered"]) {
    for (let call = 0; call < 5; call += 1) held.ended("t", "closed", new UpstreamFailure(kind), 0);
  }
  assert.equal(held.admit("t", 0), "closed");
  fail(held, 3, 0);
  assert.equal(held.admit("t", 1_000), "probe");
  held.ended("t", "probe", new UpstreamFailure("left"), 1_000);
  assert.equal(held.admit("t", 1_000), "probe");
});

const MINUTES = { connect_ms: 600_000, first_token_ms: 600_000, idle_ms: 600_000 };
const patient = { models: { m: { targets: [target("one", { timeouts: MINUTES }), target("two")] } } };
const once = { fallback: { ...FALLBACK, attempts_per_target: 1 } };

test("a dead first target is no longer called, which Server-Timing tells, and is used again once it lives", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  let alive = false;
  const first = (inputs) => (alive ? answers("from one")(inputs) : refuses(500)());
  const { chat, calls } = harness({
    including: ["breaker"],
    config: { ...once, breaker: { failures: 2, open_ms: 30, max_open_ms: 30, probe_ms: 100 } },
    models: { one: first, two: answers("from two") },
  });
  const headers = { "cache-control": "no-store" };
  for (let call = 0; call < 5; call += 1) assert.equal((await chat(ask("x"), { headers })).headers.get("x-edge-target"), "ai/two");
  const left = await chat(ask("x"), { headers });
  assert.equal(calls.filter(({ model }) => model === "one").length, 2);
  assert.equal(left.headers.get("x-edge-attempts"), "1");
  assert.match(left.headers.get("server-timing"), /breaker;desc="ai\/one open"/);
  alive = true;
  context.mock.timers.tick(40);
  const probed = await chat(ask("x"), { headers });
  assert.equal(probed.headers.get("x-edge-target"), "ai/one");
  assert.match(probed.headers.get("server-timing"), /breaker;desc="ai\/one probe"/);
  assert.ok(!(await chat(ask("x"), { headers })).headers.get("server-timing").includes("breaker"));
});

test("where every target is open, the one that opens first is asked all the same", async () => {
  let alive = false;
  const model = (inputs) => (alive ? answers("up again")(inputs) : refuses(500)());
  const { chat } = harness({
    including: ["breaker"],
    config: { ...once, breaker: { failures: 1, open_ms: 60_000, max_open_ms: 60_000, probe_ms: 100 } },
    models: { one: model, two: model },
  });
  assert.equal((await chat(ask("x"))).status, 503);
  assert.equal((await chat(ask("x"))).status, 503);
  alive = true;
  assert.equal((await chat(ask("x"))).status, 200);
});

test("streams that always break off open it too", async () => {
  const cut = () => new Response('data: {"choices":[{"delta":{"content":"half "}}]}\n\n', { headers: { "content-type": "text/event-stream" } });
  const { chat, calls } = harness({
    including: ["breaker"],
    config: { ...once, breaker: { failures: 2, open_ms: 60_000, max_open_ms: 60_000, probe_ms: 100 } },
    models: { one: cut, two: answers("from two") },
  });
  const targets = [];
  for (let call = 0; call < 3; call += 1) {
    const response = await chat(ask("x", { stream: true }), { headers: { "cache-control": "no-store" } });
    await response.text();
    targets.push(response.headers.get("x-edge-target"));
  }
  assert.deepEqual(targets, ["ai/one", "ai/one", "ai/two"]);
  assert.equal(calls.length, 3);
});

test("a probe waits for its first byte no longer than a probe may", { timeout: 20_000 }, async () => {
  let silent = false;
  const one = (inputs) => (silent ? new Promise(() => {}) : refuses(500)(inputs));
  const { chat } = harness({
    including: ["breaker"],
    config: { ...once, ...patient, breaker: { failures: 1, open_ms: 1, max_open_ms: 1, probe_ms: 20 } },
    models: { one, two: () => json(openaiAnswer("from two")) },
  });
  const headers = { "cache-control": "no-store" };
  await chat(ask("x"), { headers });
  silent = true;
  await new Promise((resolve) => setTimeout(resolve, 5));
  const probed = await chat(ask("x"), { headers });
  assert.match(probed.headers.get("server-timing"), /probe/);
  assert.equal(probed.headers.get("x-edge-target"), "ai/two");
});

test("a drilled failure says nothing of the target", async () => {
  const { chat } = harness({ including: ["breaker"], config: { ...once, breaker: { failures: 1, open_ms: 60_000, max_open_ms: 60_000, probe_ms: 100 } } });
  const drilled = await chat(ask("x"), { headers: drill("error_500") });
  assert.equal(drilled.headers.get("x-edge-target"), "ai/two");
  assert.equal((await chat(ask("x"))).headers.get("x-edge-target"), "ai/one");
});

test("where a target is left out a drill still reaches it", async () => {
  const { chat } = harness({
    including: ["breaker"],
    config: { ...once, breaker: { failures: 1, open_ms: 60_000, max_open_ms: 60_000, probe_ms: 100 } },
    models: { one: refuses(500) },
  });
  await chat(ask("x"));
  const drilled = await chat(ask("x"), { headers: drill("reset") });
  assert.equal(drilled.headers.get("x-edge-attempts"), "2");
  assert.ok(!drilled.headers.get("server-timing").includes("breaker"));
});

test("a probe is one call, however often a target is tried otherwise", async () => {
  const { chat, calls } = harness({
    including: ["breaker"],
    config: { fallback: { ...FALLBACK, attempts_per_target: 3 }, breaker: { failures: 1, open_ms: 1, max_open_ms: 1, probe_ms: 100 } },
    models: { one: refuses(500) },
  });
  const headers = { "cache-control": "no-store" };
  await chat(ask("x"), { headers });
  await new Promise((resolve) => setTimeout(resolve, 5));
  const before = calls.length;
  assert.match((await chat(ask("x"), { headers })).headers.get("server-timing"), /probe/);
  assert.deepEqual(calls.slice(before).map(({ model }) => model), ["one", "two"]);
});

test("a caller's short deadline does not make a target look ill to others", async () => {
  const slow = async (inputs) => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    return answers("slow but well")(inputs);
  };
  const { chat } = harness({
    including: ["breaker"],
    config: { ...once, breaker: { failures: 1, open_ms: 60_000, max_open_ms: 60_000, probe_ms: 100 } },
    models: { one: slow, two: slow },
  });
  const hurried = await chat(ask("x"), { headers: { "x-edge-deadline-ms": "5" } });
  assert.equal(hurried.status, 504);
  assert.equal((await chat(ask("y"))).headers.get("x-edge-target"), "ai/one");
});

test("a target that is silent for as long as a probe is ill, whoever set the limit", { timeout: 20_000 }, async () => {
  const { chat, calls } = harness({
    including: ["breaker"],
    config: { ...once, ...patient, breaker: { failures: 1, open_ms: 60_000, max_open_ms: 60_000, probe_ms: 20 } },
    models: { one: () => new Promise(() => {}) },
  });
  const headers = { "x-edge-deadline-ms": "100" };
  for (const prompt of ["a", "b"]) assert.equal((await chat(ask(prompt), { headers })).headers.get("x-edge-target"), "ai/two");
  assert.deepEqual(calls.map(({ model }) => model), ["one", "two", "two"]);
});
