import assert from "node:assert/strict";
import { test } from "node:test";

import { answers, ask, chunks, harness, json, sse, textOf } from "../fixture.js";

const CALL = { id: "call_1", type: "function", function: { name: "f", arguments: '{"a":1}' } };

test("a whole answer has OpenAI's shape and the name that was asked for", async () => {
  const { chat } = harness();
  const body = await (await chat({ ...ask("x"), model: "@cf/a/b" })).json();
  assert.match(body.id, /^chatcmpl-/);
  assert.equal(body.object, "chat.completion");
  assert.equal(body.model, "@cf/a/b");
  assert.deepEqual(body.choices, [{ index: 0, message: { role: "assistant", content: "fine", refusal: null }, logprobs: null, finish_reason: "stop" }]);
  assert.deepEqual(body.usage, { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 });
});

test("a stream has one id, one role, one finish reason, and usage only when asked", async () => {
  for (const asked of [true, false]) {
    const { chat } = harness({ models: { one: answers("a b c") } });
    const list = await chunks(await chat(ask("x", { stream: true, ...(asked ? { stream_options: { include_usage: true } } : {}) })));
    assert.equal(list.pop(), "[DONE]");
    assert.equal(new Set(list.map(({ id }) => id)).size, 1);
    assert.equal(list.filter((chunk) => chunk.choices[0]?.delta.role).length, 1);
    assert.equal(list[0].choices[0].delta.role, "assistant");
    assert.deepEqual(list.map((chunk) => chunk.choices[0]?.finish_reason).filter(Boolean), ["stop"]);
    assert.equal(textOf(list), "a b c");
    if (asked) {
      assert.deepEqual(list.at(-1).choices, []);
      assert.equal(list.at(-1).usage.total_tokens, 5);
      assert.ok(list.slice(0, -1).every((chunk) => chunk.usage === null));
    } else assert.ok(list.every((chunk) => !("usage" in chunk)));
  }
});

test("Workers AI's older shape is read, whole and streamed", async () => {
  const model = (inputs) => (inputs.stream ? sse({ response: "a " }, { response: "b" }, { response: "", usage: { total_tokens: 4 } }, "[DONE]") : json({ response: "a b", usage: { total_tokens: 4 } }));
  const { chat } = harness({ models: { one: model } });
  assert.equal((await (await chat(ask("x"))).json()).choices[0].message.content, "a b");
  assert.equal(textOf(await chunks(await chat(ask("y", { stream: true })))), "a b");
});

for (const [name, reply, content] of [
  ["an object, as JSON mode gives it", { response: { a: 1 } }, '{"a":1}'],
  ["a number", { response: 7 }, "7"],
  ["an empty text", { response: "" }, ""],
  ["Cloudflare's envelope", { result: { response: "in" }, success: true }, "in"],
]) {
  test(`a response that is ${name} is read`, async () => {
    const { chat } = harness({ models: { one: () => json(reply) } });
    assert.equal((await (await chat(ask("x"))).json()).choices[0].message.content, content);
  });
}

test("tool calls come out as OpenAI's, arguments as text", async () => {
  const { chat } = harness({ models: { one: () => json({ response: null, tool_calls: [{ name: "f", arguments: { a: 1 } }] }), two: () => json({}) } });
  const [choice] = (await (await chat(ask("x"))).json()).choices;
  assert.equal(choice.finish_reason, "tool_calls");
  assert.equal(choice.message.content, null);
  assert.deepEqual({ ...choice.message.tool_calls[0], id: "call_1" }, CALL);
});

test("a streamed tool call opens once and can be put together", async () => {
  const parts = [{ index: 0, id: "c9", type: "function", function: { name: "f", arguments: "" } }, { index: 0, function: { arguments: '{"a"' } }, { index: 0, function: { arguments: ":1}" } }, { index: 0, function: { arguments: null } }];
  const model = () => sse(...parts.map((call) => ({ choices: [{ delta: { tool_calls: [call] } }] })), { choices: [{ delta: {}, finish_reason: "tool_calls" }] }, "[DONE]");
  const { chat } = harness({ models: { one: model } });
  const calls = (await chunks(await chat(ask("x", { stream: true })))).flatMap((chunk) => chunk.choices?.[0]?.delta.tool_calls ?? []);
  assert.deepEqual(calls.filter(({ id }) => id).map(({ id }) => id), ["c9"]);
  assert.equal(calls.map((call) => call.function.arguments).join(""), '{"a":1}');
});

const calling = (...parts) => () => sse(...parts.map((call) => ({ choices: [{ delta: { tool_calls: [call] } }] })), { choices: [{ delta: {}, finish_reason: "tool_calls" }] }, "[DONE]");

test("a streamed tool call begins with its name, however late the model tells it", async () => {
  const one = calling({ index: 0, id: "c9", function: { arguments: '{"a"' } }, { index: 0, function: { name: "", arguments: ":" } }, { index: 0, function: { name: "f", arguments: "1" } }, { index: 0, function: { name: "f", arguments: "}" } });
  const calls = (await chunks(await harness({ models: { one } }).chat(ask("x", { stream: true })))).flatMap((chunk) => chunk.choices?.[0]?.delta.tool_calls ?? []);
  assert.deepEqual(calls, [
    { index: 0, id: "c9", type: "function", function: { name: "f", arguments: '{"a":1' } },
    { index: 0, function: { arguments: "}" } },
  ]);
});

for (const function_ of [{ arguments: "{}" }, { name: "" }, null]) {
  test(`a streamed tool call without a name (${JSON.stringify(function_)}) is no answer, and the next target is asked`, async () => {
    const { chat } = harness({ models: { one: calling({ index: 0, id: "c9", function: function_ }) } });
    const response = await chat(ask("x", { stream: true }));
    assert.equal(response.headers.get("x-edge-target"), "ai/two");
  });
}

test("a tool call without a name behind a text is told as an error", async () => {
  const one = () => sse({ choices: [{ delta: { content: "a" } }] }, { choices: [{ delta: { tool_calls: [{ index: 0, id: "c9", function: {} }] }, finish_reason: "tool_calls" }] }, "[DONE]");
  const { error } = (await chunks(await harness({ models: { one } }).chat(ask("x", { stream: true })))).find((chunk) => chunk.error);
  assert.equal(error.code, "stream_truncated");
});

test("a refusal reaches the caller, whole and streamed, through the cache too", async () => {
  const model = (inputs) => (inputs.stream ? sse({ choices: [{ delta: { refusal: "I refuse" }, finish_reason: "stop" }] }) : json({ choices: [{ message: { role: "assistant", content: null, refusal: "I refuse" }, finish_reason: "stop" }] }));
  const { chat } = harness({ models: { one: model } });
  for (const headers of [{}, { "cache-control": "no-store" }]) {
    assert.equal((await (await chat(ask("x"), { headers })).json()).choices[0].message.refusal, "I refuse");
    const list = await chunks(await chat(ask("x", { stream: true }), { headers }));
    assert.equal(list.map((chunk) => chunk.choices?.[0]?.delta.refusal ?? "").join(""), "I refuse");
  }
});

test("a refusal is sent back as OpenAI tells it, without content", async () => {
  const { chat, calls } = harness();
  const refused = { role: "assistant", content: null, refusal: "I refuse" };
  assert.equal((await chat({ messages: [{ role: "user", content: "x" }, refused, { role: "user", content: "y" }] })).status, 200);
  assert.deepEqual(calls[0].inputs.messages[1], { ...refused, content: "" });
});

test("what a model sends out of place does not reach the caller", async () => {
  const odd = { choices: [{ message: { role: "assistant", content: "ok" }, finish_reason: "canary" }], usage: "canary" };
  const deep = JSON.parse(`${'{"a_details":'.repeat(2_000)}{}${"}".repeat(2_000)}`);
  for (const reply of [odd, { ...odd, usage: deep }, { ...odd, usage: { total_tokens: 3, note: "canary" } }]) {
    const { chat } = harness({ models: { one: () => json(reply) } });
    const response = await chat(ask("x"));
    assert.equal(response.status, 200);
    assert.ok(!(await response.text()).includes("canary"));
  }
});

test("a body that breaks off is the caller's mistake", async () => {
  const { chat } = harness();
  const body = new ReadableStream({ pull: (controller) => controller.error(new Error("broken")) });
  assert.equal((await chat(body)).status, 400);
});

test("reasoning is passed on under OpenAI's neighbours' name", async () => {
  const { chat } = harness({ models: { one: () => sse({ choices: [{ delta: { reasoning: "hm" } }] }, { choices: [{ delta: { content: "a" }, finish_reason: "stop" }] }) } });
  const list = await chunks(await chat(ask("x", { stream: true })));
  assert.equal(list.map((chunk) => chunk.choices?.[0]?.delta.reasoning_content ?? "").join(""), "hm");
});

test("a model that answers a stream request with JSON is streamed all the same", async () => {
  const { chat } = harness({ models: { one: () => json({ response: "plain" }) } });
  const list = await chunks(await chat(ask("x", { stream: true })));
  assert.equal(textOf(list), "plain");
  assert.equal(list.at(-1), "[DONE]");
});

test("settings, tools, formats and images reach the model untouched", async () => {
  const { chat, calls } = harness();
  const messages = [{ role: "user", content: [{ type: "text", text: "x" }, { type: "image_url", image_url: { url: "data:," } }] }, { role: "assistant", tool_calls: [CALL] }, { role: "tool", tool_call_id: "call_1", content: "4" }];
  const settings = { temperature: 0.1, top_p: 0.5, max_tokens: 9, seed: 3, stop: ["a"], tools: [{ type: "function", function: { name: "f" } }], tool_choice: "auto", response_format: { type: "json_object" } };
  await (await chat({ messages, ...settings })).text();
  const { inputs } = calls[0];
  for (const [name, value] of Object.entries(settings)) assert.deepEqual(inputs[name], value, name);
  assert.deepEqual(inputs.messages[0], messages[0]);
  assert.equal(inputs.messages[1].content, "");
  assert.equal(inputs.model, undefined);
});

const MISTAKES = [
  ["{", "invalid_json", null], ["", "invalid_json", null], ["null", "invalid_request", null], ["[]", "invalid_request", null], ["7", "invalid_request", null],
  [{}, "invalid_request", "messages"], [{ messages: "x" }, "invalid_request", "messages"], [{ messages: [] }, "invalid_request", "messages"],
  [{ messages: [null] }, "invalid_request", "messages[0]"], [{ messages: [{ role: "robot", content: "x" }] }, "invalid_request", "messages[0].role"],
  [{ messages: [{ role: "user", content: 7 }] }, "invalid_request", "messages[0].content"], [{ messages: [{ role: "user" }] }, "invalid_request", "messages[0].content"],
  [{ messages: [{ role: "user", content: [1] }] }, "invalid_request", "messages[0].content[0]"], [ask("x", { model: 7 }), "invalid_request", "model"],
  [ask("x", { stream: "yes" }), "invalid_request", "stream"], [ask("x", { temperature: "hot" }), "invalid_request", "temperature"], [ask("x", { temperature: 9 }), "invalid_request", "temperature"],
  [ask("x", { max_tokens: 0 }), "invalid_request", "max_tokens"], [ask("x", { n: 1.5 }), "invalid_request", "n"], [ask("x", { tools: {} }), "invalid_request", "tools"], [ask("x", { tools: [{}] }), "invalid_request", "tools[0]"],
  [{ messages: Array.from({ length: 21 }, () => ({ role: "user", content: "x" })) }, "invalid_request", "messages"],
];

for (const [name, value] of Object.entries({ response_format: 1, stop: 5, tool_choice: 1, logit_bias: [], logprobs: "yes", user: 7, metadata: "x", stream_options: 1, max_completion_tokens: -1 })) {
  MISTAKES.push([ask("x", { [name]: value }), "invalid_request", name]);
}
MISTAKES.push([ask("x", { n: 2, stream: true }), "invalid_request", "n"]);
for (const calls of [[null], "x", {}]) {
  MISTAKES.push([{ messages: [{ role: "assistant", content: "x", tool_calls: calls }] }, "invalid_request", "messages[0].tool_calls"]);
}

for (const [name, value] of Object.entries({ response_format: {}, tool_choice: {}, parallel_tool_calls: 1, functions: "f", reasoning_effort: 1, service_tier: [] })) {
  MISTAKES.push([ask("x", { [name]: value }), "invalid_request", name]);
}
for (const name of ["max_tokens", "max_completion_tokens", "n"]) MISTAKES.push([ask("x", { [name]: 1e308 }), "invalid_request", name]);
const spoken = (more) => ({ messages: [{ role: "assistant", content: "x", ...more }] });
for (const [name, value] of Object.entries({ tool_calls: "x", tool_call_id: 1, name: {}, refusal: 1 })) MISTAKES.push([spoken({ [name]: value }), "invalid_request", `messages[0].${name}`]);
for (const part of [{ type: "text" }, { type: "text", text: 1 }, { type: "refusal" }, { type: "image_url" }, { type: "image_url", image_url: "x" }, { type: "image_url", image_url: { url: ["data:,"] } }, { type: "input_audio", input_audio: 1 }]) {
  MISTAKES.push([spoken({ content: [part] }), "invalid_request", `messages[0].content[0].${part.type}`]);
}
for (const [name, value] of Object.entries({ description: 1, parameters: "x", strict: "yes" })) {
  MISTAKES.push([ask("x", { tools: [{ type: "function", function: { name: "f", [name]: value } }] }), "invalid_request", `tools[0].function.${name}`]);
}
MISTAKES.push([ask("x", { tools: [{ type: "function", function: { name: "" } }] }), "invalid_request", "tools[0]"]);
for (const tools of [undefined, [], [{ type: "function", function: { name: "f" } }]]) {
  for (const named of [{ name: "g" }, undefined, { name: "__proto__" }]) MISTAKES.push([ask("x", { tools, tool_choice: { type: "function", function: named } }), "invalid_request", "tool_choice"]);
}

for (const [body, code, param] of MISTAKES) {
  test(`${JSON.stringify(body).slice(0, 60)} is refused with 400 ${code} at ${param}`, async () => {
    const { chat, calls } = harness();
    const response = await chat(body);
    const { error } = await response.json();
    assert.equal(response.status, 400);
    assert.deepEqual([error.code, error.param, error.type], [code, param, "invalid_request_error"]);
    assert.equal(calls.length, 0);
  });
}

test("bytes are counted while reading, whatever is announced", async () => {
  const { chat } = harness();
  const large = `{"messages":[{"role":"user","content":"${"é".repeat(10_001)}"}]}`;
  const stream = new ReadableStream({ start: (c) => { c.enqueue(new TextEncoder().encode(large)); c.close(); } });
  for (const body of [large, stream]) {
    const response = await chat(body);
    assert.equal(response.status, 413);
    assert.equal((await response.json()).error.code, "request_too_large");
  }
});

test("a body nested without end is refused, one nested as schemas are is not", async () => {
  const { chat } = harness();
  const nested = (levels) => `{"messages":[{"role":"user","content":"x"}],"metadata":{"a":${"[".repeat(levels)}${"]".repeat(levels)}}}`;
  for (const levels of [64, 9_000]) assert.equal((await chat(nested(levels))).status, 400);
  assert.equal((await chat(nested(60))).status, 200);
});

for (const [body, param] of [
  ['{"messages":[{"role":"user","content":"a\\ud83d"}]}', "messages[0].content"],
  ['{"messages":[{"role":"user","content":"x"}],"metadata":{"\\uDE00":1}}', "metadata"],
  ['{"\\ud83d":1}', "body"],
]) {
  test(`half a character in ${param} is refused before a model fails at it`, async () => {
    const { chat, calls } = harness();
    const response = await chat(body);
    assert.equal(response.status, 400);
    assert.deepEqual(((await response.json()).error).param, param);
    assert.equal(calls.length, 0);
  });
}

test("whole characters are taken as escapes too, and so is what only looks like one", async () => {
  const { chat, calls } = harness();
  assert.equal((await chat('{"messages":[{"role":"user","content":"\\ud83d\\ude00 \\\\ud83d"}]}')).status, 200);
  assert.equal(calls[0].inputs.messages[0].content, "\u{1f600} \\ud83d");
});

test("streaming that is off is refused by name", async () => {
  const { chat } = harness({ without: ["streaming"] });
  const response = await chat(ask("x", { stream: true }));
  assert.equal(response.status, 400);
  assert.equal((await response.json()).error.param, "stream");
  assert.equal((await chat(ask("x"))).status, 200);
});

test("a caller who leaves stops the model, before the first byte too", async () => {
  for (const stream of [false, true]) {
    let stopped = null;
    const model = (_inputs, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => { stopped = true; reject(new Error("aborted")); }));
    const { chat } = harness({ models: { one: model } });
    const caller = new AbortController();
    const answer = chat(ask("x", { stream }), { signal: caller.signal });
    setTimeout(() => caller.abort(), 20);
    assert.equal((await answer).status >= 400, true);
    assert.equal(stopped, true);
  }
});

test("log probabilities reach the caller, whole and streamed, and are kept by no cache", async () => {
  const told = (token) => ({ content: [{ token, logprob: -0.5, bytes: [97], top_logprobs: [] }], refusal: null });
  const piece = (content) => ({ choices: [{ index: 0, delta: { content }, logprobs: told(content), finish_reason: null }] });
  const whole = { choices: [{ message: { role: "assistant", content: "a b" }, logprobs: told("a b"), finish_reason: "stop" }] };
  const model = (inputs) => (inputs.stream ? sse(piece("a "), piece("b"), { choices: [{ delta: {}, finish_reason: "stop" }] }, "[DONE]") : json(whole));
  const { chat, calls } = harness({ models: { one: model } });
  const asked = { logprobs: true, top_logprobs: 0 };
  const streamed = await chat(ask("x", { ...asked, stream: true }));
  assert.equal(streamed.headers.get("x-edge-cache"), "BYPASS");
  const list = await chunks(streamed);
  assert.deepEqual(list.flatMap((chunk) => chunk.choices?.[0]?.logprobs ?? []), [told("a "), told("b")]);
  assert.deepEqual((await (await chat(ask("x", asked))).json()).choices[0].logprobs, told("a b"));
  assert.deepEqual(calls.map(({ inputs }) => [inputs.logprobs, inputs.top_logprobs]), [[true, 0], [true, 0]]);
});

test("several choices, a seed, and where to stop reach the model, and all choices the caller", async () => {
  const choice = (index) => ({ index, message: { role: "assistant", content: `choice ${index}` }, finish_reason: "stop" });
  const { chat, calls } = harness({ models: { one: () => json({ choices: [0, 1, 2].map(choice) }) } });
  const { choices } = await (await chat(ask("x", { n: 3, seed: 7, stop: ["END"] }))).json();
  assert.deepEqual(choices.map(({ index, message }) => [index, message.content]), [[0, "choice 0"], [1, "choice 1"], [2, "choice 2"]]);
  assert.deepEqual([calls[0].inputs.n, calls[0].inputs.seed, calls[0].inputs.stop], [3, 7, ["END"]]);
});
