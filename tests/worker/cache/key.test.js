import assert from "node:assert/strict";
import { test } from "node:test";

import { canonicalRequest } from "../../../worker_src/cache/key.js";
import { random } from "../fixture.js";

const chat = (changes = {}) => ({ model: "m", targets: [{ upstream: "ai", model: "one" }], messages: [{ role: "user", content: "hi" }], settings: {}, ...changes });
const same = (a, b) => canonicalRequest("t", chat(a)) === canonicalRequest("t", chat(b));

test("what clients make up makes no difference", () => {
  assert.ok(same({ settings: { user: "u", metadata: { a: 1 } } }, {}));
  assert.ok(same({ messages: [{ id: "1", role: "user", content: "hi" }] }, {}));
  assert.ok(same({ settings: { n: 1, tool_choice: "auto", temperature: null } }, {}));
  assert.ok(same({ stream: true, include_usage: true, requested: "alias" }, { stream: false }));
});

test("what the model is told makes a difference", () => {
  for (const settings of [{ temperature: 0.5 }, { max_tokens: 5 }, { response_format: { type: "json_object" } }, { seed: 1 }, { n: 2 }]) {
    assert.ok(!same({ settings }, {}), JSON.stringify(settings));
  }
  assert.ok(!same({ model: "other" }, {}));
  assert.ok(!same({ targets: [{ upstream: "ai", model: "two" }] }, {}));
  assert.ok(!same({ messages: [{ role: "user", content: "hi " }] }, {}));
  assert.ok(!same({ messages: [{ role: "system", content: "hi" }] }, {}));
});

test("a null within a schema is not the same as nothing", () => {
  const schema = (inner) => ({ settings: { response_format: { json_schema: { schema: { properties: { x: inner } } } } } });
  assert.ok(!same(schema({ const: null }), schema({})));
});

test("the tenant is part of the key", () => {
  assert.notEqual(canonicalRequest("a", chat()), canonicalRequest("b", chat()));
});

test("the ids of tool calls make no difference, but who answers whom does", () => {
  const turns = (call, answer, other = "z") => ({
    messages: [
      { role: "assistant", content: null, tool_calls: [{ id: call, type: "function", function: { name: "f", arguments: "{}" } }, { id: other, type: "function", function: { name: "f", arguments: "{}" } }] },
      { role: "tool", tool_call_id: answer, content: "1" },
    ],
  });
  assert.ok(same(turns("a", "a"), turns("b", "b")));
  assert.ok(!same(turns("a", "a"), turns("a", "z")));
});

test("the order of keys makes no difference, at any depth", () => {
  const next = random(3);
  const value = (depth) => {
    if (depth === 0 || next() < 0.3) return ["x", 1, true, "é"][Math.floor(next() * 4)];
    if (next() < 0.4) return Array.from({ length: 3 }, () => value(depth - 1));
    return Object.fromEntries(Array.from({ length: 4 }, (_, index) => [`k${index}`, value(depth - 1)]));
  };
  const shuffled = (held) => {
    if (Array.isArray(held)) return held.map(shuffled);
    if (typeof held !== "object") return held;
    return Object.fromEntries(Object.entries(held).sort(() => next() - 0.5).map(([key, inner]) => [key, shuffled(inner)]));
  };
  for (let round = 0; round < 300; round += 1) {
    const settings = { response_format: value(3) };
    assert.ok(same({ settings }, { settings: shuffled(settings) }));
  }
});
