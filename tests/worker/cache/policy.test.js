import assert from "node:assert/strict";
import { test } from "node:test";

import { cacheable, directives, storable } from "../../../worker_src/cache/policy.js";
import { Collector } from "../../../worker_src/protocols/collector.js";

test("Cache-Control of a request is followed", () => {
  assert.deepEqual(directives(null), { read: true, write: true, maxAge: null });
  assert.deepEqual(directives("no-cache"), { read: false, write: true, maxAge: null });
  assert.deepEqual(directives("No-Store"), { read: false, write: false, maxAge: null });
  assert.deepEqual(directives("max-age=30"), { read: true, write: true, maxAge: 30 });
  assert.equal(directives("max-age=0").read, false);
  assert.equal(directives("max-age=x").maxAge, null);
});

const PLAIN = { tool_calls: false };
const TOOLS = { tool_calls: true };

test("only whole plain answers are kept", () => {
  const whole = { content: "hi", finish_reason: "stop", tool_calls: [], refusal: null };
  assert.ok(storable(whole, PLAIN));
  for (const change of [{ finish_reason: "length" }, { finish_reason: "content_filter" }, { tool_calls: [{}] }, { refusal: "no" }, { content: "" }, { edge: {} }]) {
    assert.ok(!storable({ ...whole, ...change }, PLAIN), JSON.stringify(change));
  }
  const calls = { ...whole, content: null, tool_calls: [{}], finish_reason: "tool_calls" };
  assert.ok(!storable(calls, PLAIN));
  assert.ok(storable(calls, TOOLS));
  assert.ok(!storable({ ...calls, finish_reason: "length" }, TOOLS));
});

test("tools, several choices, log probabilities and drills are not cached", () => {
  assert.ok(cacheable({ settings: {} }, null, PLAIN));
  for (const settings of [{ tools: [{}] }, { n: 2 }, { logprobs: true }]) assert.ok(!cacheable({ settings }, null, PLAIN));
  assert.ok(!cacheable({ settings: {} }, { fault: "cut" }, PLAIN));
  assert.ok(cacheable({ settings: { tools: [{}] } }, null, TOOLS));
});

test("a tool call whose index leaves out a place is kept without the gap", () => {
  const collector = new Collector();
  collector.add([{ type: "tool_call", index: 2, id: "a", name: "f", arguments: "{}" }, { type: "finish", reason: "tool_calls" }]);
  assert.deepEqual(collector.answer.tool_calls.map(({ id }) => id), ["a"]);
});
