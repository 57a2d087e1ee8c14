import assert from "node:assert/strict";
import { test } from "node:test";

import { createUpstream } from "../../../worker_src/upstream/call.js";
import { ask, chunks, harness, openaiAnswer, openaiChunks, sse, target, textOf } from "../fixture.js";

/** A stream of these events whose end is never told by the connection. */
function open(events, onCancel) {
  const bytes = new TextEncoder();
  const start = (controller) => {
    for (const event of events) controller.enqueue(bytes.encode(`data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`));
  };
  return new Response(new ReadableStream({ start, cancel: onCancel }), { headers: { "content-type": "text/event-stream" } });
}

test("a server that keeps the connection open after [DONE] holds nobody up, and is let go", async (context) => {
  let cancelled = 0;
  const { chat, settled } = harness({ without: ["cache"], models: { one: () => open(openaiChunks("all of it"), () => { cancelled += 1; }) } });
  context.mock.timers.enable({ apis: ["setTimeout"] });
  assert.equal(textOf(await chunks(await chat(ask("x", { stream: true })))), "all of it");
  assert.equal(cancelled, 0);
  context.mock.timers.tick(1_000);
  await settled();
  assert.equal(cancelled, 1);
});

test("a caller who pauses for longer than the model may be silent gets everything", async () => {
  const long = Array.from({ length: 8 }, () => "x".repeat(20_000)).join(" ");
  const events = openaiChunks(long);
  const bytes = new TextEncoder();
  const model = () => new Response(new ReadableStream({
    pull(controller) {
      const event = events.shift();
      if (!event) return controller.close();
      return controller.enqueue(bytes.encode(`data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`));
    },
  }, { highWaterMark: 0 }), { headers: { "content-type": "text/event-stream" } });
  const timeouts = { connect_ms: 500, first_token_ms: 500, idle_ms: 20 };
  const { chat } = harness({ without: ["cache"], models: { one: model }, config: { models: { m: { targets: [{ upstream: "ai", model: "one", timeouts, continuation: "prefill" }] } } } });
  const reader = (await chat(ask("x", { stream: true }))).body.getReader();
  let text = new TextDecoder().decode((await reader.read()).value);
  await new Promise((resolve) => setTimeout(resolve, 60));
  for (let part = await reader.read(); !part.done; part = await reader.read()) text += new TextDecoder().decode(part.value);
  assert.equal(textOf(await chunks(new Response(text))), long);
});

test("usage that cannot be is not passed on; what was told before it is", async () => {
  const told = (usage) => ({ choices: [], usage });
  const events = openaiChunks("fine");
  events.splice(-1, 0, told({ prompt_tokens: 3, completion_tokens: -7, total_tokens: 1_000 }));
  const { chat } = harness({ models: { one: () => open(events, () => {}) } });
  const list = await chunks(await chat(ask("x", { stream: true, stream_options: { include_usage: true } })));
  assert.deepEqual(list.at(-2).usage, { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 });
});

test("a total that does not add up is mended", async () => {
  const answer = { choices: [{ message: { content: "x" }, finish_reason: "stop" }], usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 99 } };
  const { chat } = harness({ models: { one: () => Response.json(answer) } });
  assert.equal((await (await chat(ask("x"))).json()).usage.total_tokens, 5);
});

const finished = (reason) => ({ choices: [{ index: 0, message: { content: "so far" }, finish_reason: reason }] });

test("models' own words for an end are told as OpenAI names them, and a failure is no end", async () => {
  for (const [word, told] of [["SAFETY", "content_filter"], ["max_tokens", "length"], ["LENGTH", "length"], ["end_turn", "stop"]]) {
    const { chat, values, settled } = harness({ models: { one: () => Response.json(finished(word)) } });
    assert.equal((await (await chat(ask("x"))).json()).choices[0].finish_reason, told, word);
    await settled();
    assert.equal(values.size, told === "stop" ? 1 : 0);
  }
  for (const word of ["insufficient_system_resource", "abort", "error"]) {
    const { chat } = harness({ models: { one: () => Response.json(finished(word)) } });
    assert.equal((await chat(ask("x"))).headers.get("x-edge-target"), "ai/two", word);
  }
});

test("an error in any server's form is an error", async () => {
  for (const error of [{ object: "error", message: "boom", code: 500 }, { message: "overloaded" }, { error: { message: "boom" }, ...openaiAnswer("x") }]) {
    const streamed = harness({ models: { one: () => sse(error, "[DONE]") } });
    assert.equal((await streamed.chat(ask("x", { stream: true }))).headers.get("x-edge-target"), "ai/two");
    const whole = harness({ models: { one: () => Response.json(error) } });
    assert.equal((await whole.chat(ask("x"))).headers.get("x-edge-target"), "ai/two");
  }
});

test("calls that share an index, or have none, stay apart by their ids", async () => {
  const call = (id, name, more) => ({ choices: [{ index: 0, delta: { tool_calls: [{ id, type: "function", function: { name, arguments: "{}" }, ...more }] } }] });
  for (const more of [{}, { index: 0 }]) {
    const end = { choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] };
    const { chat } = harness({ models: { one: () => sse(call("a", "f", more), call("b", "g", more), end, "[DONE]") } });
    const list = await chunks(await chat(ask("x", { stream: true })));
    const calls = list.flatMap((chunk) => chunk.choices?.[0]?.delta?.tool_calls ?? []);
    assert.deepEqual(calls.map((each) => [each.index, each.id, each.function.name]), [[0, "a", "f"], [1, "b", "g"]]);
  }
});

test("a call begins with its name: what has none and another id is of the call before, and a first without it is none", async () => {
  const call = (id, given) => ({ choices: [{ index: 0, delta: { tool_calls: [{ index: 0, id, type: "function", function: given }] } }] });
  const end = { choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] };
  const asked = async (...events) => {
    const { chat } = harness({ models: { one: () => sse(...events, end, "[DONE]") } });
    const response = await chat(ask("x", { stream: true }));
    const calls = (await chunks(response)).flatMap((chunk) => chunk.choices?.[0]?.delta?.tool_calls ?? []);
    return [response.headers.get("x-edge-target"), calls.map((each) => [each.index, each.id, each.function.name, each.function.arguments])];
  };
  const [target, calls] = await asked(call("a", { name: "f", arguments: '{"x"' }), call("b", { arguments: ":1}" }), call("c", { name: "g", arguments: "{" }), call("c", { arguments: "}" }));
  assert.equal(target, "ai/one");
  assert.deepEqual(calls, [[0, "a", "f", '{"x"'], [0, undefined, undefined, ":1}"], [1, "c", "g", "{"], [1, undefined, undefined, "}"]]);
  assert.equal((await asked(call("a", { arguments: "{}" })))[0], "ai/two");
});

test("a second choice that nobody asked for is none of the text", async () => {
  const events = openaiChunks("one two");
  events.splice(1, 0, { choices: [{ index: 1, delta: { content: "other" } }] }, { choices: [{ index: 1, delta: {}, finish_reason: "length" }, { index: 0, delta: { content: "and " } }] });
  const { chat } = harness({ models: { one: () => sse(...events) } });
  const list = await chunks(await chat(ask("x", { stream: true })));
  assert.equal(textOf(list), "one and two");
  assert.deepEqual(list.map((chunk) => chunk.choices?.[0]?.finish_reason).filter(Boolean), ["stop"]);
});

test("a whole message in a stream is its text", async () => {
  const { chat } = harness({ models: { one: () => sse({ choices: [{ index: 0, message: { role: "assistant", content: "all" }, finish_reason: "stop" }] }, "[DONE]") } });
  assert.equal(textOf(await chunks(await chat(ask("x", { stream: true })))), "all");
});

test("a stream that tells no usage is estimated, and said to be", async () => {
  const calls = [];
  const upstream = createUpstream({ upstreams: { ai: { type: "scripted" } } }, { scripted: async () => sse(...openaiChunks("one two three").slice(0, 4), "[DONE]") });
  const context = { facts: { calls }, chat: { stream: true, messages: [{ role: "user", content: "x" }] }, waitUntil: () => {} };
  const { events } = await upstream(context, target("one"));
  for (let part = await events.next(); !part.done; ) part = await events.next();
  assert.equal(calls[0].outcome, "ok");
  assert.ok(calls[0].estimated);
  assert.equal(calls[0].usage.completion_tokens, 3);
});

test("a server that says nothing more after its finish is waited for a little, not as long as it may be silent", async (context) => {
  const model = () => open(openaiChunks("fine").slice(0, 2), () => {});
  const { chat } = harness({ without: ["cache"], models: { one: model }, config: { models: { m: { targets: [target("one", { timeouts: { connect_ms: 500, first_token_ms: 500, idle_ms: 3_600_000 } })] } } } });
  context.mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.now() });
  const reader = (await chat(ask("x", { stream: true }))).body.getReader();
  let text = new TextDecoder().decode((await reader.read()).value);
  let rest = null;
  void reader.read().then(({ value }) => { rest = new TextDecoder().decode(value); });
  for (let second = 0; second < 60 && rest === null; second += 1) {
    await new Promise(setImmediate);
    context.mock.timers.tick(1_000);
  }
  text += rest;
  assert.match(text, /"finish_reason":"stop"/);
  assert.doesNotMatch(text, /error/);
});

for (const [bound, reason] of [[2, "length"], [3, "stop"], [null, "stop"], [undefined, "stop"]]) {
  test(`a model that tells no reason and may say ${bound} tokens has finished by: ${reason}`, async () => {
    const usage = { prompt_tokens: 4, completion_tokens: 2, total_tokens: 6 };
    const models = { one: ({ stream }) => (stream ? open([{ response: "cut" }, { response: "", usage }, "[DONE]"], () => {}) : Response.json({ response: "cut", usage })) };
    const { chat } = harness({ without: ["cache"], models });
    const newer = bound && 100; // Workers AI is told max_tokens where both are given
    const whole = await (await chat(ask("x", { max_tokens: bound, max_completion_tokens: newer }))).json();
    assert.equal(whole.choices[0].finish_reason, reason);
    const list = await chunks(await chat(ask("x", { stream: true, max_completion_tokens: bound })));
    assert.equal(list.filter(({ choices }) => choices?.[0]?.finish_reason).at(-1).choices[0].finish_reason, reason);
  });
}
