import assert from "node:assert/strict";
import { test } from "node:test";

import { answers, ask, harness } from "../fixture.js";

const key = (id) => ({ id, key: id.repeat(64) });
const keys = (...ids) => JSON.stringify(ids.map(key));

/** A KV that outlives the isolates in front of it. */
function kv(values = new Map()) {
  return { values, CACHE: { get: async (name) => (values.has(name) ? JSON.parse(values.get(name)) : null), put: async (name, value) => void values.set(name, value) } };
}

const isolate = (store, CACHE_KEYS) => harness({ including: ["encryption"], env: { CACHE: store.CACHE, CACHE_KEYS }, models: { one: answers("canary answer") } });

async function asked(store, CACHE_KEYS, content = "canary prompt") {
  const made = isolate(store, CACHE_KEYS);
  const response = await made.chat(ask(content));
  const { choices } = await response.json();
  await made.settled();
  return [response.headers.get("x-edge-cache"), choices[0].message.content];
}

test("what is kept is sealed, and opened by another isolate", async () => {
  const store = kv();
  assert.deepEqual(await asked(store, keys("a")), ["MISS", "canary answer"]);
  const [[name, value]] = store.values;
  assert.ok(!`${name}${value}`.includes("canary"));
  assert.deepEqual(Object.keys(JSON.parse(value)).sort(), ["data", "nonce", "sealed"]);
  assert.deepEqual(await asked(store, keys("a")), ["HIT", "canary answer"]);
});

test("keys are changed without losing what is kept, until the old one goes", async () => {
  const store = kv();
  await asked(store, keys("a"));
  assert.equal((await asked(store, keys("b", "a")))[0], "HIT");
  assert.equal((await asked(store, keys("b")))[0], "MISS");
  assert.equal(JSON.parse([...store.values.values()][0]).sealed, "b");
});

test("what was altered, put under another request or not sealed at all is no answer", async () => {
  const store = kv();
  await asked(store, keys("a"), "one");
  await asked(store, keys("a"), "two");
  const [[first, value], [second]] = store.values;
  const held = JSON.parse(value);
  const altered = { ...held, data: held.data.replace(/^./, (letter) => (letter === "A" ? "B" : "A")) };
  const plain = { at: Date.now(), target: "ai/one", answer: { content: "planted", finish_reason: "stop", tool_calls: [] } };
  for (const [name, planted, content] of [[first, altered, "one"], [second, held, "two"], [first, plain, "one"], [first, 5, "one"], [first, {}, "one"]]) {
    store.values.set(name, JSON.stringify(planted));
    assert.deepEqual(await asked(store, keys("a"), content), ["MISS", "canary answer"]);
  }
});

test("without readable keys nothing is kept, and every request is answered", async () => {
  for (const broken of [undefined, "", "{}", '[{"id":"a","key":"zz"}]']) {
    const store = kv();
    assert.deepEqual(await asked(store, broken), ["MISS", "canary answer"]);
    assert.equal(store.values.size, 0);
  }
});

test("equal answers are not sealed to equal bytes", async () => {
  const stores = [kv(), kv()];
  for (const store of stores) await asked(store, keys("a"));
  const [one, two] = stores.map((store) => [...store.values.values()][0]);
  assert.notEqual(one, two);
});
