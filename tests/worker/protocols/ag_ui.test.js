import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { agUi } from "../../../worker_src/protocols/ag_ui/protocol.js";
import { harness, sse } from "../fixture.js";

const INPUT = { threadId: "t1", runId: "r1", state: {}, messages: [{ id: "u1", role: "user", content: "hi" }], tools: [], context: [], forwardedProps: {} };
const delta = (given, finish = null) => ({ choices: [{ index: 0, delta: given, finish_reason: finish }] });
const USED = { choices: [], usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5, completion_tokens_details: { reasoning_tokens: 1 } } };
const TOOL = { name: "paint", description: "Paints", parameters: { type: "object", properties: { color: { type: "string" } } } };

const serving = (frames = [delta({ content: "a " }), delta({ content: "b" }), delta({}, "stop"), USED, "[DONE]"], more = {}) =>
  harness({ models: { one: () => sse(...frames) }, protocols: { ag_ui: agUi }, ...more });
const run = ({ fetch }, changes = {}, agent = "default", more = {}) => fetch(`/agent/${agent}/run`, { method: "POST", body: { ...INPUT, ...changes }, ...more });

async function events(response) {
  const text = await response.text();
  assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
  assert.ok(!text.includes("\r") && !text.includes("[DONE]") && !text.includes("null"));
  assert.ok(text.endsWith("\n\n"));
  return text.split("\n\n").filter(Boolean).map((frame) => JSON.parse(frame.replace(/^data: /, "")));
}

test("a run is started, told and finished, with its usage", async () => {
  const [started, open, first, second, close, finished] = await events(await run(serving()));
  const { messageId } = open;
  assert.deepEqual(started, { type: "RUN_STARTED", threadId: "t1", runId: "r1" });
  assert.deepEqual(open, { type: "TEXT_MESSAGE_START", messageId, role: "assistant" });
  assert.deepEqual([first, second], ["a ", "b"].map((text) => ({ type: "TEXT_MESSAGE_CONTENT", messageId, delta: text })));
  assert.deepEqual(close, { type: "TEXT_MESSAGE_END", messageId });
  const usage = [{ provider: "edgewright", model: "m", inputTokens: 3, outputTokens: 2, totalTokens: 5, reasoningTokens: 1 }];
  assert.deepEqual(finished, { type: "RUN_FINISHED", threadId: "t1", runId: "r1", usage });
});

test("an answer that was kept comes with new ids", async () => {
  const proxy = serving();
  const first = await events(await run(proxy));
  await proxy.settled?.();
  const again = await run(proxy, { runId: "r2", threadId: "t2", messages: [{ id: "other", role: "user", content: "hi" }] });
  assert.equal(again.headers.get("x-edge-cache"), "HIT");
  const second = await events(again);
  assert.deepEqual(second.map(({ type }) => type).filter((type) => type !== "TEXT_MESSAGE_CONTENT"), first.map(({ type }) => type).filter((type) => type !== "TEXT_MESSAGE_CONTENT"));
  assert.notEqual(second[1].messageId, first[1].messageId);
  assert.equal(second.at(-1).runId, "r2");
});

test("calls of the page's tools are one message with the text, and all are closed", async () => {
  const call = (index, fn, id) => delta({ tool_calls: [{ index, ...(id ? { id, type: "function" } : {}), function: fn }] });
  const proxy = serving([delta({ content: "ok" }), call(0, { name: "paint", arguments: "" }, "c1"), call(0, { arguments: '{"color":' }), call(0, { arguments: '"red"}' }), call(1, { name: "paint", arguments: "{}" }, "c2"), delta({}, "tool_calls"), "[DONE]"]);
  const told = await events(await run(proxy, { tools: [TOOL] }));
  assert.deepEqual(proxy.calls[0].inputs.tools, [{ type: "function", function: TOOL }]);
  const [one, two] = told.filter(({ type }) => type === "TOOL_CALL_START");
  assert.equal(one.parentMessageId, told.find(({ type }) => type === "TEXT_MESSAGE_START").messageId);
  assert.equal(one.toolCallName, "paint");
  const text = ({ toolCallId }) => told.filter((event) => event.type === "TOOL_CALL_ARGS" && event.toolCallId === toolCallId).map((event) => event.delta).join("");
  assert.deepEqual([text(one), text(two)], ['{"color":"red"}', "{}"]);
  assert.deepEqual(told.slice(-4).map(({ type }) => type), ["TEXT_MESSAGE_END", "TOOL_CALL_END", "TOOL_CALL_END", "RUN_FINISHED"]);
});

for (const [version, names] of [
  ["1.0", ["REASONING_START", "REASONING_MESSAGE_START", "REASONING_MESSAGE_CONTENT", "REASONING_MESSAGE_END", "REASONING_END"]],
  [undefined, ["THINKING_START", "THINKING_TEXT_MESSAGE_START", "THINKING_TEXT_MESSAGE_CONTENT", "THINKING_TEXT_MESSAGE_END", "THINKING_END"]],
]) {
  test(`reasoning has the names that a client of ${version ?? "0.0"} knows`, async () => {
    const told = await events(await run(serving([delta({ reasoning_content: "hm" }), delta({ content: "a" }), delta({}, "stop"), "[DONE]"]), { protocolVersion: version }));
    assert.deepEqual(told.map(({ type }) => type).slice(1, 6), names);
    assert.equal(told[6].type, "TEXT_MESSAGE_START");
  });
}

test("the model is told the agent's instructions, the page's context and state, and the messages", async () => {
  const proxy = serving();
  const messages = [
    { id: "d", role: "developer", content: "Rules." },
    { id: "r", role: "reasoning", content: "hm" },
    { id: "u", role: "user", content: [{ type: "text", text: "see" }, { type: "image", source: { type: "data", value: "aGk=", mimeType: "image/png" } }] },
    { id: "a", role: "assistant", toolCalls: [{ id: "c1", type: "function", function: { name: "paint", arguments: "{}" } }] },
    { id: "t", role: "tool", toolCallId: "c1", content: "done", error: "but slowly" },
  ];
  await events(await run(proxy, { messages, tools: [TOOL], context: [{ description: "user", value: "Ann" }], state: { count: 1 } }, "terse"));
  const { inputs } = proxy.calls[0];
  assert.equal(inputs.tools, undefined);
  assert.deepEqual(inputs.messages, [
    { role: "system", content: 'Be brief.\n\n## Context from the application\n\nuser:\nAnn\n\n## State of the application\n\n{"count":1}' },
    { role: "system", content: "Rules." },
    { role: "user", content: [{ type: "text", text: "see" }, { type: "image_url", image_url: { url: "data:image/png;base64,aGk=" } }] },
    { role: "assistant", content: "", tool_calls: messages[3].toolCalls },
    { role: "tool", tool_call_id: "c1", content: "done\nbut slowly" },
  ]);
});

test("an upstream that fails within the run is told in the run, and nothing after it", async () => {
  const told = await events(await run(serving([delta({ content: "a" })])));
  assert.equal(told.at(-1).type, "RUN_ERROR");
  assert.equal(told.at(-1).code, "stream_truncated");
});

const said = (...messages) => ({ messages: [{ id: "r", role: "reasoning", content: "hm" }, ...messages] });

for (const [what, changes, agent, status, code, param] of [
  ["an agent that is not there", {}, "nope", 404, "agent_not_found", null],
  ["no thread", { threadId: undefined }, "default", 400, "invalid_request", "threadId"],
  ["a run whose id is longer than any", { runId: "r".repeat(1_025) }, "default", 400, "invalid_request", "runId"],
  ["a run whose id is half a character", { runId: "\ud800" }, "default", 400, "invalid_request", "runId"],
  ["a version that is none", { protocolVersion: {} }, "default", 400, "invalid_request", "protocolVersion"],
  ["messages that are none", { messages: "hi" }, "default", 400, "invalid_request", "messages"],
  ["a message of nobody", said({ id: "u", role: "__proto__", content: "x" }), "terse", 400, "invalid_request", "messages[1].role"],
  ["a message that says nothing", said({ id: "u", role: "user" }), "terse", 400, "invalid_request", "messages[1].content"],
  ["a message whose id is none", said({ id: 5, role: "user", content: "x" }), "terse", 400, "invalid_request", "messages[1].id"],
  ["a document", { messages: [{ id: "u", role: "user", content: [{ type: "document", source: { type: "url", value: "https://x" } }] }] }, "default", 400, "unsupported_parameter", "messages[0].content[0]"],
  ["a picture of no type", said({ id: "u", role: "user", content: [{ type: "image", source: { type: "data", value: "aGk=" } }] }), "default", 400, "invalid_request", "messages[1].content[0].source.mimeType"],
  ["a text that is none", said({ id: "u", role: "user", content: [{ type: "text" }] }), "default", 400, "invalid_request", "messages[1].content[0]"],
  ["calls that are none", said({ id: "a", role: "assistant", content: "x", toolCalls: "x" }), "default", 400, "invalid_request", "messages[1].toolCalls"],
  ["a call of nothing", said({ id: "a", role: "assistant", content: "x", toolCalls: [{ id: "c" }] }), "default", 400, "invalid_request", "messages[1].toolCalls"],
  ["a result of no call", said({ id: "t", role: "tool", content: "x" }), "default", 400, "invalid_request", "messages[1].toolCallId"],
  ["a tool without a name", { tools: [TOOL, {}] }, "default", 400, "invalid_request", "tools[1].name"],
  ["a context that is no text", { context: [{ description: "user", value: {} }] }, "default", 400, "invalid_request", "context[0].value"],
  ["a property that is not as it must be", { forwardedProps: { maxTokens: "x" } }, "default", 400, "invalid_request", "forwardedProps.maxTokens"],
]) {
  test(`${what} is refused before the run`, async () => {
    const response = await run(serving(), changes, agent);
    assert.equal(response.status, status);
    const { error } = await response.json();
    assert.deepEqual([error.code, error.param], [code, param]);
  });
}

test("the model is told no call without its result, which a run that broke off may have left, and no result without its call", async () => {
  const proxy = serving();
  const call = (id) => ({ id, type: "function", function: { name: "paint", arguments: "{}" } });
  const result = (id) => ({ id: `t-${id}`, role: "tool", toolCallId: id, content: "done" });
  const messages = [
    { id: "u1", role: "user", content: "go" },
    { id: "a1", role: "assistant", toolCalls: [call("cut")] },
    result("gone"),
    { id: "a2", role: "assistant", content: "well", toolCalls: [call("cut2")] },
    { id: "a3", role: "assistant", content: "", toolCalls: [call("c1"), call("cut3")] },
    result("c1"),
    { id: "u2", role: "user", content: "again" },
  ];
  await events(await run(proxy, { messages }));
  assert.deepEqual(proxy.calls[0].inputs.messages, [
    { role: "user", content: "go" },
    { role: "assistant", content: "well" },
    { role: "assistant", content: "", tool_calls: [call("c1")] },
    { role: "tool", tool_call_id: "c1", content: "done" },
    { role: "user", content: "again" },
  ]);
});

test("silence is broken by comments", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const encoder = agUi.encoder({ model: "m", run: { threadId: "t", runId: "r", version: null } });
    const { streaming } = await import("../../../worker_src/streaming/step.js");
    let end;
    const events = { next: () => new Promise((resolve) => { end = () => resolve({ done: true }); }), return: async () => ({ done: true }) };
    const reader = streaming()(events, encoder).getReader();
    const waiting = reader.read();
    await Promise.resolve();
    mock.timers.tick(15_000);
    assert.equal(new TextDecoder().decode((await waiting).value), ": keep-alive\n\n");
    end();
    assert.match(new TextDecoder().decode((await reader.read()).value), /RUN_FINISHED/);
  } finally {
    mock.timers.reset();
  }
});
