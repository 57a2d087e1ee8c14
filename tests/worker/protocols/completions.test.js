import assert from "node:assert/strict";
import { test } from "node:test";

import { completions } from "../../../worker_src/protocols/completions/protocol.js";
import { chunks, harness, json, sse } from "../fixture.js";

const serving = (more = {}) => harness({ protocols: { completions }, ...more });
const complete = (proxy, body) => proxy.fetch("/v1/completions", { method: "POST", body: { prompt: "hi", ...body } });

test("a prompt is told as a user's message, and its answer is a text completion", async () => {
  const proxy = serving();
  for (const prompt of ["hi", ["hi"]]) {
    const { id, created, ...done } = await (await complete(proxy, { prompt, max_tokens: 9, stop: ["x"], best_of: 1, echo: false, suffix: null })).json();
    assert.match(id, /^cmpl-/);
    assert.ok(Number.isInteger(created));
    const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
    assert.deepEqual(done, { object: "text_completion", model: "m", choices: [{ text: "fine", index: 0, logprobs: null, finish_reason: "stop" }], usage });
  }
  assert.deepEqual(proxy.calls[0].inputs, { messages: [{ role: "user", content: "hi" }], max_tokens: 9, stop: ["x"] });
});

test("several completions of one prompt are choices", async () => {
  const choice = (index) => ({ index, message: { role: "assistant", content: `c${index}` }, finish_reason: index ? "length" : "stop" });
  const done = await (await complete(serving({ models: { one: () => json({ choices: [choice(0), choice(1)] }) } }), { n: 2 })).json();
  assert.deepEqual(done.choices.map(({ text, index, finish_reason: reason }) => [text, index, reason]), [["c0", 0, "stop"], ["c1", 1, "length"]]);
});

test("a refusal is the completion's text", async () => {
  const refused = { choices: [{ index: 0, message: { content: null, refusal: "no" }, finish_reason: "stop" }] };
  assert.equal((await (await complete(serving({ models: { one: () => json(refused) } }), {})).json()).choices[0].text, "no");
});

for (const asked of [true, false]) {
  test(`a stream of pieces ${asked ? "with" : "without"} usage, as it is asked`, async () => {
    const told = await chunks(await complete(serving(), { stream: true, stream_options: { include_usage: asked } }));
    assert.equal(told.pop(), "[DONE]");
    if (asked) assert.deepEqual(told.pop(), { ...told[0], choices: [], usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } });
    assert.deepEqual(told.map(({ choices: [{ text, finish_reason: reason }] }) => [text, reason]), [["fine", null], ["", "stop"]]);
    assert.equal(new Set(told.map(({ id }) => id)).size, 1);
    for (const { object, ...more } of told) assert.deepEqual([object, more.usage], ["text_completion", asked ? null : undefined]);
  });
}

test("an upstream that fails within the stream is told in it", async () => {
  const told = await chunks(await complete(serving({ models: { one: () => sse({ choices: [{ index: 0, delta: { content: "a" } }] }) } }), { stream: true }));
  assert.equal(told.at(-2).error.code, "stream_truncated");
});

for (const [param, changes, code = "unsupported_parameter"] of [
  ["prompt", { prompt: undefined }, "invalid_request"],
  ["prompt", { prompt: 1 }, "invalid_request"],
  ["prompt", { prompt: ["a", "b"] }],
  ["prompt", { prompt: [1, 2] }],
  ["prompt", { prompt: [[1, 2]] }],
  ["suffix", { suffix: "x" }],
  ["best_of", { best_of: 2 }],
  ["echo", { echo: true }],
  ["logprobs", { logprobs: 2 }],
  ["tools", { tools: [] }],
  ["max_tokens", { max_tokens: 0 }, "invalid_request"],
]) {
  test(`${JSON.stringify(changes)} is refused, and ${param} is named`, async () => {
    const response = await complete(serving(), changes);
    assert.equal(response.status, 400);
    const { error } = await response.json();
    assert.deepEqual([error.code, error.param], [code, param]);
  });
}
