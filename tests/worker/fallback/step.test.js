import assert from "node:assert/strict";
import { test } from "node:test";

import { waitBefore } from "../../../worker_src/fallback/policy.js";
import { FALLBACK, answers, ask, chunks, harness, json, refuses, sse, target, textOf } from "../fixture.js";

const hang = () => new Promise(() => {});
const chunk = (content) => ({ choices: [{ index: 0, delta: { content }, finish_reason: null }] });

// What the first target does -> how often it is tried before the second one answers.
const FAILURES = {
  "a 500": [refuses(500), 2],
  "a 503": [refuses(503), 2],
  "capacity (3040)": [refuses(429, 3040), 2],
  "a rate limit that says 0": [refuses(429, null, { "retry-after": "0" }), 2],
  "a rate limit that says a minute": [refuses(429, null, { "retry-after": "60" }), 1],
  "the daily quota (3036)": [refuses(429, 3036), 1],
  "no such model (5007)": [refuses(400, 5007), 1],
  "too large (3006)": [refuses(413, 3006), 1],
  "a refused key": [refuses(401), 1],
  "a thrown error of the binding": [() => { throw new Error("InferenceUpstreamError: 3036: canary"); }, 1],
  "a lost connection": [() => { throw new TypeError("Network connection lost"); }, 2],
  "silence": [hang, 1],
  "an answer that is no JSON": [() => new Response("<html>", { headers: { "content-type": "text/html" } }), 2],
  "an answer of an unknown shape": [() => json({ what: 1 }), 2],
};

for (const [name, [model, tries]] of Object.entries(FAILURES)) {
  for (const stream of [false, true]) {
    test(`${name}: ${tries} tries, then the next target${stream ? " (streamed)" : ""}`, async () => {
      const { chat, calls } = harness({ models: { one: model, two: answers("from two") } });
      const response = await chat(ask("x", { stream }));
      const text = stream ? textOf(await chunks(response)) : (await response.json()).choices[0].message.content;
      assert.equal(text, "from two");
      assert.deepEqual(calls.map((call) => call.model), [...Array(tries).fill("one"), "two"]);
      assert.equal(response.headers.get("x-edge-attempts"), String(tries + 1));
    });
  }
}

test("a caller's own mistake is not tried elsewhere", async () => {
  const { chat, calls } = harness({ models: { one: refuses(400, 5004) } });
  const response = await chat(ask("x"));
  assert.equal(response.status, 400);
  assert.equal(calls.length, 1);
});

test("an error within a stream, before its first token, is mended by the next target", async () => {
  const { chat } = harness({ models: { one: () => sse({ error: { message: "canary" } }), two: answers("from two") } });
  const response = await chat(ask("x", { stream: true }));
  assert.equal(response.headers.get("x-edge-target"), "ai/two");
  assert.equal(textOf(await chunks(response)), "from two");
});

for (const [name, events, code] of [
  ["cut", [chunk("half ")], "stream_truncated"],
  ["broken", [chunk("half "), new Error("canary")], "stream_truncated"],
  ["malformed", [chunk("half "), "{not json"], "upstream_error"],
  ["an error", [chunk("half "), { error: { message: "canary" } }], "upstream_unavailable"],
]) {
  test(`after the first token: ${name} is told in the band, and never a success`, async () => {
    const { chat } = harness({ models: { one: () => sse(...events) } });
    const list = await chunks(await chat(ask("x", { stream: true })));
    assert.equal(textOf(list), "half ");
    assert.equal(list.at(-2).error.code, code);
    assert.equal(list.at(-1), "[DONE]");
    assert.ok(!list.some((item) => item.choices?.[0]?.finish_reason));
    assert.ok(!JSON.stringify(list).includes("canary"));
  });
}

test("a stall in mid-stream ends with a timeout", async () => {
  const stalled = () => new Response(new ReadableStream({ start: (c) => c.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(chunk("a"))}\n\n`)) }), { headers: { "content-type": "text/event-stream" } });
  const { chat } = harness({ models: { one: stalled } });
  const list = await chunks(await chat(ask("x", { stream: true })));
  assert.equal(list.at(-2).error.code, "upstream_timeout");
});

test("a stream without [DONE] but with a finish reason is whole", async () => {
  const { chat } = harness({ models: { one: () => sse(chunk("a"), { choices: [{ delta: {}, finish_reason: "stop" }] }) } });
  const list = await chunks(await chat(ask("x", { stream: true })));
  assert.equal(list.at(-2).choices[0].finish_reason, "stop");
});

test("when all fail the caller learns why, and nothing of the upstream", async () => {
  for (const [model, status, code] of [[refuses(500), 503, "upstream_unavailable"], [refuses(429, null, { "retry-after": "7" }), 429, "rate_limit_exceeded"], [refuses(429, 3036), 429, "insufficient_quota"], [hang, 504, "upstream_timeout"], [refuses(400, 5007), 502, "upstream_error"]]) {
    const { chat } = harness({ models: { one: model, two: model } });
    const response = await chat(ask("x"));
    const text = await response.text();
    assert.equal(response.status, status);
    assert.equal(JSON.parse(text).error.code, code);
    assert.ok(!text.includes("canary"));
  }
});

test("nothing is remembered: a target that recovers is used at once", async () => {
  let broken = true;
  const { chat } = harness({ models: { one: (...call) => (broken ? refuses(500)() : answers("back")(...call)) } });
  assert.equal((await chat(ask("a"))).headers.get("x-edge-target"), "ai/two");
  broken = false;
  assert.equal((await chat(ask("b"))).headers.get("x-edge-target"), "ai/one");
});

test("without fallback the first target alone is called, once", async () => {
  const { chat, calls } = harness({ without: ["fallback"], models: { one: refuses(500) } });
  assert.equal((await chat(ask("x"))).status, 503);
  assert.equal(calls.length, 1);
});

test("waits are jittered below a doubling bound, follow Retry-After, and stay within the deadline", () => {
  const settings = { base_delay_ms: 100, max_delay_ms: 300 };
  const at = { settings, retryAfter: null, left: 10_000 };
  assert.equal(waitBefore({ ...at, attempt: 1, random: 0.5 }), 50);
  assert.equal(waitBefore({ ...at, attempt: 2, random: 1 }), 200);
  assert.equal(waitBefore({ ...at, attempt: 5, random: 1 }), 300);
  assert.equal(waitBefore({ ...at, attempt: 1, random: 0, retryAfter: 250 }), 250);
  assert.equal(waitBefore({ ...at, attempt: 1, random: 0, retryAfter: 301 }), null);
  assert.equal(waitBefore({ ...at, attempt: 1, random: 1, left: 100 }), null);
});

const SLOW = { connect_ms: 600_000, first_token_ms: 600_000, idle_ms: 600_000 };
const slowly = { models: { m: { targets: [target("one", { timeouts: SLOW }), target("two", { timeouts: SLOW })] } } };

test("a request's deadline is shared by its targets: a silent one leaves time for the next", { timeout: 20_000 }, async () => {
  const { chat, calls } = harness({ models: { one: hang }, config: slowly });
  const response = await chat(ask("x"), { headers: { "x-edge-deadline-ms": "200" } });
  assert.equal(response.headers.get("x-edge-target"), "ai/two");
  assert.equal(calls.length, 2);
});

test("a request's deadline ends the last call that runs", { timeout: 20_000 }, async () => {
  const { chat, calls } = harness({ models: { one: hang, two: hang }, config: slowly });
  const response = await chat(ask("x"), { headers: { "x-edge-deadline-ms": "40" } });
  assert.equal(response.status, 504);
  assert.equal((await response.json()).error.code, "upstream_timeout");
  assert.equal(calls.length, 2);
});

test("a deadline bounds the time to the first byte, not a stream that is being read", async () => {
  const slow = () => {
    const events = [...["a ", "b "].map(chunk), { choices: [{ delta: {}, finish_reason: "stop" }] }];
    const bytes = new TextEncoder();
    return new Response(new ReadableStream({
      async pull(controller) {
        const event = events.shift();
        if (!event) return controller.close();
        controller.enqueue(bytes.encode(`data: ${JSON.stringify(event)}\n\n`));
        await new Promise((resolve) => setTimeout(resolve, 60));
      },
    }, { highWaterMark: 0 }), { headers: { "content-type": "text/event-stream" } });
  };
  const { chat } = harness({ models: { one: slow } });
  const list = await chunks(await chat(ask("x", { stream: true }), { headers: { "x-edge-deadline-ms": "50" } }));
  assert.equal(textOf(list), "a b ");
});

test("a deadline that is none is refused", async () => {
  for (const given of ["0", "-1", "1.5", "soon", ""]) {
    const response = await harness().chat(ask("x"), { headers: { "x-edge-deadline-ms": given } });
    assert.equal(response.status, 400, given);
    assert.equal((await response.json()).error.param, "x-edge-deadline-ms");
  }
});

test("retries are a share of the calls once the burst is used up", async () => {
  const fallback = { ...FALLBACK, retry_ratio: 0.25, retry_burst: 2 };
  const { chat, calls } = harness({ config: { fallback }, models: { one: refuses(500) } });
  for (let call = 0; call < 12; call += 1) await chat(ask("x"), { headers: { "cache-control": "no-store" } });
  const tries = calls.filter(({ model }) => model === "one").length;
  assert.equal(tries, 12 + 2 + 2, "two saved, and one for every four of ten more calls");
});

test("a caller who leaves during a wait ends it", async () => {
  const left = new AbortController();
  const fallback = { ...FALLBACK, base_delay_ms: 10_000, max_delay_ms: 10_000, deadline_ms: 100_000 };
  const { chat, calls } = harness({ without: ["cache"], config: { fallback }, models: { one: refuses(500) } });
  const answer = chat(ask("x"), { signal: left.signal });
  while (calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  left.abort();
  assert.equal((await answer).status, 499);
  assert.equal(calls.length, 1);
});
