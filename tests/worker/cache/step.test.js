import assert from "node:assert/strict";
import { test } from "node:test";

import { FALLBACK, KEYS, answers, ask, chunks, harness, openaiAnswer, json, refuses, sse, textOf } from "../fixture.js";

const later = (model) => async (...call) => {
  await new Promise((resolve) => setTimeout(resolve, 20));
  return model(...call);
};
const cacheOf = (response) => response.headers.get("x-edge-cache");

test("the second equal request is a hit with a fresh id and no call", async () => {
  const { chat, calls } = harness();
  const first = await (await chat(ask("a"))).json();
  const second = await chat(ask("a"));
  assert.equal(cacheOf(second), "HIT");
  assert.equal(second.headers.get("x-edge-attempts"), "0");
  assert.equal(second.headers.get("age"), "0");
  const body = await second.json();
  assert.notEqual(body.id, first.id);
  assert.deepEqual(body.choices, first.choices);
  assert.equal(calls.length, 1);
});

test("a streamed answer is replayed whole, and a whole one as a stream", async () => {
  const { chat, settled } = harness({ models: { one: answers("one two three") } });
  assert.equal(textOf(await chunks(await chat(ask("s", { stream: true })))), "one two three");
  await settled();
  const whole = await chat(ask("s"));
  assert.equal(cacheOf(whole), "HIT");
  assert.equal((await whole.json()).choices[0].message.content, "one two three");
  const again = await chat(ask("s", { stream: true }));
  assert.equal(cacheOf(again), "HIT");
  assert.equal(textOf(await chunks(again)), "one two three");
});

test("another tenant is never served the answer", async () => {
  const { chat, calls } = harness();
  await (await chat(ask("secret"))).text();
  const other = await chat(ask("secret"), { key: KEYS.other });
  assert.equal(cacheOf(other), "MISS");
  assert.equal(calls.length, 2);
});

test("a key that is refused is not served from the cache", async () => {
  const { chat } = harness();
  await (await chat(ask("x"))).text();
  assert.equal((await chat(ask("x"), { key: "sk-edge-wrong" })).status, 401);
});

test("100 identical requests, streaming and not, make one call and one KV write", async () => {
  let puts = 0;
  const slow = async (inputs) => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return answers("together now")(inputs);
  };
  const { chat, calls, settled } = harness({
    models: { one: slow },
    env: { CACHE: { get: async () => null, put: async () => void (puts += 1) } },
  });
  const all = await Promise.all(Array.from({ length: 100 }, (_, index) => chat(ask("same", { stream: index % 2 === 0 }))));
  const texts = await Promise.all(all.map(async (response, index) => (index % 2 === 0 ? textOf(await chunks(response)) : (await response.json()).choices[0].message.content)));
  await settled();
  assert.deepEqual(new Set(texts), new Set(["together now"]));
  assert.equal(calls.length, 1);
  assert.equal(puts, 1);
  assert.deepEqual(all.map(cacheOf).sort().slice(0, 2), ["COALESCED", "COALESCED"]);
});

test("a failure is told to each who waits, and not kept", async () => {
  const { chat, calls, settled } = harness({ config: { fallback: { ...FALLBACK, attempts_per_target: 1, deadline_ms: 500 } }, models: { one: later(refuses(500)), two: later(refuses(500)) } });
  const all = await Promise.all(Array.from({ length: 5 }, () => chat(ask("bad"))));
  assert.deepEqual(all.map((response) => response.status), [503, 503, 503, 503, 503]);
  assert.equal(calls.length, 2);
  await settled();
  assert.equal((await chat(ask("bad"))).status, 503);
  assert.equal(calls.length, 4);
});

test("a truncated stream is not kept", async () => {
  const { chat, settled, values } = harness({ models: { one: () => sse({ choices: [{ delta: { content: "half " } }] }) } });
  const list = await chunks(await chat(ask("cut", { stream: true })));
  assert.equal(list.at(-2).error.code, "stream_truncated");
  await settled();
  assert.equal(values.size, 0);
});

test("a waiter who leaves disturbs nobody; when all have left the call is stopped", async () => {
  let stopped = false;
  const endless = () =>
    new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode('data: {"choices":[{"delta":{"content":"a "}}]}\n\n')),
        cancel: () => { stopped = true; },
      }),
      { headers: { "content-type": "text/event-stream" } },
    );
  const { chat } = harness({ models: { one: endless } });
  const [first, second] = [await chat(ask("e", { stream: true })), await chat(ask("e", { stream: true }))];
  const readers = [first.body.getReader(), second.body.getReader()];
  await readers[0].read();
  await readers[0].cancel();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(stopped, false);
  assert.equal((await readers[1].read()).done, false);
  await readers[1].cancel();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(stopped, true);
});

test("KV that fails or is slow is a miss, not a failure", async () => {
  const broken = { get: async () => { throw new Error("canary"); }, put: async () => { throw new Error("canary"); } };
  const { chat, settled } = harness({ env: { CACHE: broken }, config: { cache: { ttl_seconds: 60, memory_entries: 0, tool_calls: false } } });
  const response = await chat(ask("x"));
  assert.equal(response.status, 200);
  await settled();
  assert.equal(cacheOf(await chat(ask("x"))), "MISS");
});

test("an answer that lands while KV is asked is a hit, and no second call", async () => {
  let slow;
  const asked = new Promise((resolve) => {
    slow = { asked: resolve };
  });
  const get = () => {
    if (slow.answer) return null;
    slow.asked();
    return new Promise((resolve) => { slow.answer = () => resolve(null); });
  };
  const { chat, calls, settled } = harness({ env: { CACHE: { get, put: async () => {} } } });
  const late = chat(ask("x"));
  await asked;
  await chat(ask("x"));
  await settled();
  slow.answer();
  assert.equal(cacheOf(await late), "HIT");
  assert.equal(calls.length, 1);
});

test("answers outlive the isolate in KV, with their time to live", async () => {
  const kept = [];
  const { chat, settled } = harness({ env: { CACHE: { get: async () => null, put: async (...call) => void kept.push(call) } } });
  await (await chat(ask("x"))).text();
  await settled();
  assert.deepEqual(kept[0][2], { expirationTtl: 60 });
  assert.ok(!kept[0][1].includes("sk-edge"));
  const [key, value] = kept[0];
  const fresh = harness({ env: { CACHE: { get: async (asked) => (asked === key ? JSON.parse(value) : null), put: async () => {} } } });
  assert.equal(cacheOf(await fresh.chat(ask("x"))), "HIT");
});

test("tool calls bypass the cache", async () => {
  const tools = [{ type: "function", function: { name: "f", parameters: {} } }];
  const { chat } = harness({ models: { one: () => json(openaiAnswer("x")) } });
  assert.equal(cacheOf(await chat(ask("t", { tools }))), "BYPASS");
});

test("an answer that does not end reaches who reads it, and fills no memory of who does not", async () => {
  let sent = 0;
  const word = new TextEncoder().encode(`data: {"choices":[{"delta":{"content":"${"x".repeat(500_000)}"}}]}\n\n`);
  const endless = () => new Response(new ReadableStream({ pull: (c) => { sent += 1; c.enqueue(word); } }, { highWaterMark: 0 }), { headers: { "content-type": "text/event-stream" } });
  const { chat, values } = harness({ models: { one: endless } });
  const reader = (await chat(ask("e", { stream: true }))).body.getReader();
  let size = 0;
  while (size < 20_000_000) size += (await reader.read()).value.length;
  const taken = sent;
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(sent - taken < 5, `${sent - taken} more were read for a caller who pauses`);
  const later = await chat(ask("e", { stream: true }));
  assert.equal(cacheOf(later), "MISS", "who comes later cannot follow from the beginning");
  await Promise.all([reader.cancel(), later.body.cancel()]);
  assert.equal(values.size, 0);
});

test("a pausing caller holds the model back; another who reads gets all and is not held up", async () => {
  const word = (index) => ({ choices: [{ index: 0, delta: { content: `${index} `.padEnd(10_000, "x") }, finish_reason: null }] });
  const long = () => sse(...Array.from({ length: 60 }, (_, index) => word(index)), { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }, "[DONE]");
  const { chat, settled } = harness({ models: { one: long } });
  const paused = await chat(ask("p", { stream: true }));
  const reading = await chat(ask("p", { stream: true }));
  assert.equal(textOf(await chunks(reading)).length, 600_000);
  assert.equal(textOf(await chunks(paused)).length, 600_000);
  await settled();
});

test("an answer that is longer than what is shared is whole, and not kept", async () => {
  const long = Array.from({ length: 3 }, (_, index) => ({ choices: [{ index: 0, delta: { content: `${index}`.repeat(500_000) }, finish_reason: null }] }));
  const { chat, settled, values } = harness({ models: { one: () => sse(...long, { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }, "[DONE]") } });
  assert.equal(textOf(await chunks(await chat(ask("long", { stream: true })))).length, 1_500_000);
  await settled();
  assert.equal(values.size, 0);
  const again = await chat(ask("long", { stream: true }));
  assert.equal(cacheOf(again), "MISS");
  await again.body.cancel();
});
