import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { anthropic } from "../../../worker_src/protocols/anthropic/protocol.js";
import { KEYS, answers, configuration, harness, json, sse } from "../fixture.js";

const ASK = { model: "m", max_tokens: 50, messages: [{ role: "user", content: "hi" }] };
const TOOL = { name: "paint", description: "Paints", input_schema: { type: "object", properties: { color: { type: "string" } } } };
const FUNCTION = { type: "function", function: { name: "paint", description: "Paints", parameters: TOOL.input_schema } };
const USAGE = { prompt_tokens: 30, completion_tokens: 2, total_tokens: 32 };
const USED = { choices: [], usage: USAGE };

const delta = (given, finish = null) => ({ choices: [{ index: 0, delta: given, finish_reason: finish }] });
const call = (index, fn, id) => delta({ tool_calls: [{ index, ...(id ? { id, type: "function" } : {}), function: fn }] });
const whole = (message, finish = "stop", more = {}) => json({ choices: [{ index: 0, message: { role: "assistant", ...message }, finish_reason: finish }], usage: USAGE, ...more });

const serving = (one = answers("fine words"), more = {}) => harness({ models: { one }, protocols: { anthropic }, ...more });
const post = ({ fetch }, changes = {}, more = {}) => fetch("/v1/messages", { method: "POST", body: { ...ASK, ...changes }, ...more });
const streamed = (proxy, changes = {}, more = {}) => post(proxy, { ...changes, stream: true }, more);

/** What the model was asked. */
async function asked(changes, more) {
  const proxy = serving(undefined, more);
  const response = await post(proxy, changes);
  assert.equal(response.status, 200, await response.clone().text());
  return proxy.calls[0].inputs;
}

async function events(response) {
  assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
  const text = await response.text();
  assert.ok(text.endsWith("\n\n"));
  return text.split("\n\n").filter(Boolean).map((frame) => {
    const [, name, data] = /^event: (\w+)\ndata: (.+)$/.exec(frame);
    assert.equal(JSON.parse(data).type, name);
    return JSON.parse(data);
  });
}

/** The blocks of a stream as a client puts them together, which knows one open block at a time. */
function blocks(list) {
  const made = [];
  let open = null;
  for (const event of list) {
    if (event.type === "content_block_start") {
      assert.equal(open, null);
      assert.equal(event.index, made.length);
      open = { ...event.content_block, json: "" };
    } else if (event.type === "content_block_delta") {
      assert.equal(event.index, made.length);
      const { text = "", thinking = "", partial_json: part = "" } = event.delta;
      if (open.type === "text") open.text += text;
      else if (open.type === "thinking") open.thinking += thinking;
      else open.json += part;
    } else if (event.type === "content_block_stop") {
      const { json: input, ...block } = open;
      made.push(block.type === "tool_use" ? { ...block, input: JSON.parse(input || "{}") } : block);
      open = null;
    }
  }
  return made;
}

test("a whole answer is a message", async () => {
  const response = await post(serving());
  const { id, ...message } = await response.json();
  assert.match(id, /^msg_[0-9a-f]{32}$/);
  assert.deepEqual(message, {
    type: "message",
    role: "assistant",
    model: "m",
    content: [{ type: "text", text: "fine words" }],
    stop_reason: "end_turn",
    stop_sequence: null,
    usage: { input_tokens: 3, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 2 },
  });
  assert.equal(response.headers.get("request-id"), response.headers.get("x-request-id"));
});

test("a stream starts, tells its block and ends with the reason and the usage", async () => {
  const [start, open, first, second, close, end, stop] = await events(await streamed(serving()));
  assert.deepEqual(start.message.content, []);
  assert.equal(start.message.stop_reason, null);
  assert.ok(start.message.usage.input_tokens > 0);
  assert.deepEqual(open, { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } });
  assert.deepEqual([first, second].map(({ delta: told }) => told), [{ type: "text_delta", text: "fine " }, { type: "text_delta", text: "words" }]);
  assert.deepEqual(close, { type: "content_block_stop", index: 0 });
  assert.deepEqual(end.delta, { stop_reason: "end_turn", stop_sequence: null });
  assert.deepEqual(end.usage, { input_tokens: 3, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 2 });
  assert.deepEqual(stop, { type: "message_stop" });
});

test("an answer that was kept is a new message, whole and as a stream", async () => {
  const proxy = serving();
  const first = await (await post(proxy)).json();
  await proxy.settled();
  const second = await post(proxy);
  const third = await streamed(proxy);
  assert.deepEqual([second, third].map(({ headers }) => headers.get("x-edge-cache")), ["HIT", "HIT"]);
  const kept = await second.json();
  const [start, ...rest] = await events(third);
  assert.deepEqual(kept.content, first.content);
  assert.deepEqual(blocks(rest), first.content);
  assert.equal(new Set([first.id, kept.id, start.message.id]).size, 3);
});

test("the same question in OpenAI's words is the same question", async () => {
  const proxy = serving();
  await post(proxy, { system: "Be brief.", messages: [{ role: "user", content: [{ type: "text", text: "hi", cache_control: { type: "ephemeral" } }] }] });
  await proxy.settled();
  const messages = [{ role: "system", content: "Be brief." }, { role: "user", content: "hi" }];
  const response = await proxy.chat({ model: "m", max_tokens: 50, messages });
  assert.equal(response.headers.get("x-edge-cache"), "HIT");
});

test("the model is told instructions, turns, images and results of tools", async () => {
  const image = { type: "image", source: { type: "base64", media_type: "image/png", data: "aGk=" } };
  const part = { type: "image_url", image_url: { url: "data:image/png;base64,aGk=" } };
  const { messages } = await asked({
    tools: [TOOL],
    system: [{ type: "text", text: "Be kind." }, { type: "text", text: "Be brief." }],
    messages: [
      { role: "user", content: [{ type: "text", text: "see" }, { type: "image", source: { type: "url", url: "https://x.example/a.png" } }] },
      { role: "assistant", content: [{ type: "thinking", thinking: "hm", signature: "s" }, { type: "redacted_thinking", data: "x" }, { type: "text", text: "I " }, { type: "text", text: "paint." }, { type: "tool_use", id: "t1", name: "paint", input: { color: "red" } }] },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "t1", content: [{ type: "text", text: "a" }, image, { type: "text", text: "b" }] },
          { type: "tool_result", tool_use_id: "t2", content: "no paint", is_error: true },
          { type: "tool_result", tool_use_id: "t3" },
          { type: "text", text: "go on" },
        ],
      },
      { role: "assistant", content: [{ type: "tool_use", id: "t4", name: "paint", input: {} }] },
      { role: "system", content: "And be quick." },
      { role: "user", content: "now" },
    ],
  });
  assert.deepEqual(messages, [
    { role: "system", content: "Be kind.\n\nBe brief." },
    { role: "user", content: [{ type: "text", text: "see" }, { type: "image_url", image_url: { url: "https://x.example/a.png" } }] },
    { role: "assistant", content: "I paint.", tool_calls: [{ id: "t1", type: "function", function: { name: "paint", arguments: '{"color":"red"}' } }] },
    { role: "tool", tool_call_id: "t1", content: "a\nb" },
    { role: "tool", tool_call_id: "t2", content: "Error: no paint" },
    { role: "tool", tool_call_id: "t3", content: "" },
    { role: "user", content: [part, { type: "text", text: "go on" }] },
    { role: "assistant", content: "", tool_calls: [{ id: "t4", type: "function", function: { name: "paint", arguments: "{}" } }] }, // Workers AI wants text
    { role: "system", content: "And be quick." },
    { role: "user", content: "now" },
  ]);
});

test("settings have the names that models know, and what is Anthropic's alone is left out", async () => {
  const { messages, ...settings } = await asked({
    temperature: 0.5,
    top_p: 0.9,
    top_k: 40,
    stop_sequences: ["END"],
    metadata: { user_id: "u1" },
    output_config: { effort: "max", format: { type: "json_schema", schema: { type: "object" } } },
    service_tier: "auto",
    cache_control: { type: "ephemeral" },
    thinking: { type: "enabled", budget_tokens: 2_000 },
    context_management: { edits: [] },
  });
  assert.equal(messages.length, 1);
  assert.deepEqual(settings, {
    max_tokens: 50,
    temperature: 0.5,
    top_p: 0.9,
    top_k: 40,
    stop: ["END"],
    user: "u1",
    reasoning_effort: "high",
    response_format: { type: "json_schema", json_schema: { name: "answer", schema: { type: "object" }, strict: true } },
  });
  assert.deepEqual(Object.keys(await asked({ stop_sequences: [], tools: [], metadata: {}, output_config: {}, temperature: null })).sort(), ["max_tokens", "messages"]);
});

for (const [choice, told] of [
  [undefined, {}],
  [{ type: "auto" }, { tool_choice: "auto" }],
  [{ type: "any", disable_parallel_tool_use: true }, { tool_choice: "required", parallel_tool_calls: false }],
  [{ type: "tool", name: "paint" }, { tool_choice: { type: "function", function: { name: "paint" } } }],
  [{ type: "none" }, { tool_choice: "none" }],
]) {
  test(`the choice ${JSON.stringify(choice)} of tools reaches the model`, async () => {
    const { messages: _, max_tokens: __, ...settings } = await asked({ tools: [{ ...TOOL, type: "custom", cache_control: {} }], tool_choice: choice });
    assert.deepEqual(settings, { tools: [FUNCTION], ...told });
  });
}

test("a result of a tool may hold very many images", () => {
  const image = { type: "image", source: { type: "url", url: "x" } };
  const content = [{ type: "tool_result", tool_use_id: "t", content: Array(200_000).fill(image) }];
  const { messages } = anthropic.decode({ ...ASK, messages: [{ role: "user", content }] }, configuration(), { models: null });
  assert.equal(messages[1].content.length, 200_000);
});

test("a strict tool stays strict", async () => {
  const { tools } = await asked({ tools: [{ ...TOOL, strict: true }] });
  assert.equal(tools[0].function.strict, true);
});

for (const [finish, message, reason] of [
  ["stop", { content: "a" }, "end_turn"],
  ["length", { content: "a" }, "max_tokens"],
  ["content_filter", { content: "a" }, "refusal"],
  ["stop", { content: null, refusal: "I will not." }, "refusal"],
  ["tool_calls", { content: null, tool_calls: [{ id: "c", type: "function", function: { name: "paint", arguments: "{}" } }] }, "tool_use"],
  ["stop", { content: "a", tool_calls: [{ id: "c", type: "function", function: { name: "paint", arguments: "{}" } }] }, "tool_use"],
]) {
  test(`${finish} with ${Object.keys(message)} stops for the reason ${reason}, whole and as a stream`, async () => {
    const answered = await (await post(serving(() => whole(message, finish)), { tools: [TOOL] })).json();
    const { tool_calls: calls, ...told } = message;
    const frames = [delta({ ...told, ...(calls ? { tool_calls: calls.map((each, index) => ({ index, ...each })) } : {}) }), delta({}, finish), "[DONE]"];
    const list = await events(await streamed(serving(() => sse(...frames)), { tools: [TOOL] }));
    assert.equal(answered.stop_reason, reason);
    assert.equal(list.at(-2).delta.stop_reason, reason);
    assert.deepEqual(blocks(list), answered.content);
  });
}

test("thinking is shown to who asks for it, and only to them", async () => {
  const frames = [delta({ reasoning_content: "hm " }), delta({ reasoning_content: "so" }), delta({ content: "a" }), delta({}, "stop"), "[DONE]"];
  const thought = [{ type: "thinking", thinking: "hm so", signature: "" }, { type: "text", text: "a" }];
  for (const [thinking, content] of [
    [{ type: "adaptive" }, thought],
    [{ type: "enabled", budget_tokens: 1_024 }, thought],
    [{ type: "adaptive", display: "omitted" }, thought.slice(1)],
    [{ type: "disabled" }, thought.slice(1)],
    [undefined, thought.slice(1)],
  ]) {
    const one = () => whole({ content: "a", reasoning_content: "hm so" });
    assert.deepEqual((await (await post(serving(one), { thinking })).json()).content, content);
    assert.deepEqual(blocks(await events(await streamed(serving(() => sse(...frames)), { thinking }))), content);
  }
});

test("calls that a model writes at once are told one after the other, each whole", async () => {
  const frames = [
    delta({ content: "ok" }),
    call(0, { name: "paint", arguments: "" }, "c1"),
    call(0, { arguments: '{"color":' }),
    call(1, { name: "paint", arguments: '{"col' }, "c2"),
    call(0, { arguments: '"red"}' }),
    call(2, { name: "paint", arguments: "" }, "c3"),
    call(1, { arguments: 'or":"blue"}' }),
    delta({ content: "done" }),
    delta({}, "tool_calls"),
    "[DONE]",
  ];
  const list = await events(await streamed(serving(() => sse(...frames)), { tools: [TOOL] }));
  assert.deepEqual(blocks(list), [
    { type: "text", text: "ok" },
    { type: "tool_use", id: "c1", name: "paint", input: { color: "red" } },
    { type: "tool_use", id: "c2", name: "paint", input: { color: "blue" } },
    { type: "tool_use", id: "c3", name: "paint", input: {} },
    { type: "text", text: "done" },
  ]);
  assert.equal(list.at(-2).delta.stop_reason, "tool_use");
});

test("a call that is whole does not wait for the next: what follows is told as it comes", () => {
  const encoder = anthropic.encoder({ requested: "m", messages: [] });
  encoder.encode({ type: "tool_call", index: 0, id: "c1", name: "paint", arguments: '{"a":1}' });
  assert.match(encoder.encode({ type: "tool_call", index: 1, id: "c2", name: "paint", arguments: '{"b"' }), /content_block_stop[^]*content_block_start[^]*"c2"[^]*\{\\"b\\"/);
  assert.match(encoder.encode({ type: "tool_call", index: 1, arguments: ":2}" }), /input_json_delta/);
});

test("usage is counted as Anthropic counts it, and estimated where the model tells none", async () => {
  const usage = { ...USAGE, prompt_tokens_details: { cached_tokens: 20 }, completion_tokens_details: { reasoning_tokens: 1 } };
  const told = { input_tokens: 10, cache_creation_input_tokens: 0, cache_read_input_tokens: 20, output_tokens: 2, output_tokens_details: { thinking_tokens: 1 } };
  assert.deepEqual((await (await post(serving(() => whole({ content: "a" }, "stop", { usage })))).json()).usage, told);
  const frames = [delta({ content: "12345678" }), delta({}, "stop"), { choices: [], usage }, "[DONE]"];
  assert.deepEqual((await events(await streamed(serving(() => sse(...frames))))).at(-2).usage, told);
  const silent = await events(await streamed(serving(() => sse(...frames.filter((frame) => !frame.usage)))));
  assert.equal(silent.at(-2).usage.output_tokens, 2);
  assert.equal(silent.at(-2).usage.input_tokens, silent[0].message.usage.input_tokens);
});

for (const [what, changes, status, type, code, param] of [
  ["no max_tokens", { max_tokens: undefined }, 400, "invalid_request_error", "invalid_request", "max_tokens"],
  ["a model that is not there", { model: "nope" }, 404, "not_found_error", "model_not_found", "model"],
  ["messages that are none", { messages: "hi" }, 400, "invalid_request_error", "invalid_request", "messages"],
  ["instructions without messages", { system: "x", messages: [] }, 400, "invalid_request_error", "invalid_request", "messages"],
  ["too many messages", { messages: Array(21).fill(ASK.messages[0]) }, 400, "invalid_request_error", "invalid_request", "messages"],
  ["a turn of nobody", { messages: [{ role: "tool", content: "x" }] }, 400, "invalid_request_error", "invalid_request", "messages[0].role"],
  ["a turn of no word", { messages: [{ role: { toString: null }, content: "x" }] }, 400, "invalid_request_error", "invalid_request", "messages[0].role"],
  ["a tool of no word", { tools: [{ ...TOOL, type: { toString: null } }] }, 400, "invalid_request_error", "unsupported_parameter", "tools[0].type"],
  ["content that is none", { messages: [{ role: "user", content: 1 }] }, 400, "invalid_request_error", "invalid_request", "messages[0].content"],
  ["a turn of nothing", { system: "x", messages: [{ role: "user", content: [] }] }, 400, "invalid_request_error", "invalid_request", "messages[0].content"],
  ["a turn of thoughts", { messages: [...ASK.messages, { role: "user", content: [{ type: "thinking" }] }] }, 400, "invalid_request_error", "invalid_request", "messages[1].content"],
  ["text that is none", { messages: [{ role: "user", content: [{ type: "text" }] }] }, 400, "invalid_request_error", "invalid_request", "messages[0].content[0].text"],
  ["a document", { messages: [{ role: "user", content: ["x", 1].map(() => ({ type: "document" })) }] }, 400, "invalid_request_error", "unsupported_parameter", "messages[0].content[0]"],
  ["a file", { messages: [{ role: "user", content: [{ type: "image", source: { type: "file", file_id: "f" } }] }] }, 400, "invalid_request_error", "unsupported_parameter", "messages[0].content[0].source"],
  ["a document of a tool", { messages: [{ role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: [{ type: "document" }] }] }] }, 400, "invalid_request_error", "unsupported_parameter", "messages[0].content[0].content[0]"],
  ["a result of no call", { messages: [{ role: "user", content: [{ type: "tool_result", content: "x" }] }] }, 400, "invalid_request_error", "invalid_request", "messages[0].content[0].tool_use_id"],
  ["a call without input", { messages: [{ role: "assistant", content: [{ type: "tool_use", id: "a", name: "b", input: "{}" }] }] }, 400, "invalid_request_error", "invalid_request", "messages[0].content[0].input"],
  ["an image among instructions", { system: [{ type: "image" }] }, 400, "invalid_request_error", "unsupported_parameter", "system[0]"],
  ["a tool of Anthropic's servers", { tools: [TOOL, { type: "web_search_20250305", name: "web_search" }] }, 400, "invalid_request_error", "unsupported_parameter", "tools[1].type"],
  ["a tool without a schema", { tools: [{ name: "x" }] }, 400, "invalid_request_error", "invalid_request", "tools[0].input_schema"],
  ["a tool without a name", { tools: [{ ...TOOL, name: "" }] }, 400, "invalid_request_error", "invalid_request", "tools[0].name"],
  ["a tool whose description is no text", { tools: [{ ...TOOL, description: 1 }] }, 400, "invalid_request_error", "invalid_request", "tools[0].description"],
  ["a choice of a tool that is not there", { tools: [TOOL], tool_choice: { type: "tool", name: "toString" } }, 400, "invalid_request_error", "invalid_request", "tool_choice"],
  ["a choice without tools", { tool_choice: { type: "any" } }, 400, "invalid_request_error", "invalid_request", "tool_choice"],
  ["a choice that is none", { tools: [TOOL], tool_choice: "any" }, 400, "invalid_request_error", "invalid_request", "tool_choice"],
  ["a choice of no tool", { tools: [TOOL], tool_choice: { type: "tool" } }, 400, "invalid_request_error", "invalid_request", "tool_choice"],
  ["a stop that is none", { stop_sequences: "END" }, 400, "invalid_request_error", "invalid_request", "stop_sequences"],
  ["a stop of an empty text", { stop_sequences: "" }, 400, "invalid_request_error", "invalid_request", "stop_sequences"],
  ["a top_k of none", { top_k: 0 }, 400, "invalid_request_error", "invalid_request", "top_k"],
  ["a user that is none", { metadata: { user_id: 1 } }, 400, "invalid_request_error", "invalid_request", "metadata.user_id"],
  ["an effort that is none", { output_config: { effort: "some" } }, 400, "invalid_request_error", "invalid_request", "output_config.effort"],
  ["a format that is none", { output_config: { format: { type: "json" } } }, 400, "invalid_request_error", "invalid_request", "output_config.format"],
  ["thinking that is none", { thinking: true }, 400, "invalid_request_error", "invalid_request", "thinking"],
  ["a server's memory", { thread: { type: "create" } }, 400, "invalid_request_error", "thread_unsupported_request", "thread"],
  ["a server's tools", { mcp_servers: [] }, 400, "invalid_request_error", "unsupported_parameter", "mcp_servers"],
  ["a large body", { system: "x".repeat(30_000) }, 413, "request_too_large", "request_too_large", undefined],
]) {
  test(`${what} is refused in Anthropic's shape`, async () => {
    const proxy = serving();
    const response = await post(proxy, changes);
    const body = await response.json();
    assert.equal(response.status, status);
    assert.deepEqual(body, { type: "error", error: { type, message: body.error.message, details: { error_code: code, ...(param ? { param } : {}) } }, request_id: response.headers.get("request-id") });
    assert.ok(!param || body.error.message.includes(`'${param}'`) || code === "model_not_found" || body.error.message.startsWith("'messages'"), body.error.message);
    assert.equal(proxy.calls.length, 0);
  });
}

test("a wrong key, another's model and another method are refused in Anthropic's shape, too", async () => {
  const proxy = serving();
  const refusals = [
    await post(proxy, {}, { key: "sk-edge-wrong" }),
    await post(proxy, { model: "lone" }, { key: KEYS.narrow }),
    await proxy.fetch("/v1/messages"),
  ];
  assert.deepEqual(refusals.map(({ status }) => status), [401, 403, 405]);
  const bodies = await Promise.all(refusals.map((each) => each.json()));
  assert.deepEqual(bodies.map(({ type, error }) => [type, error.type]), [["error", "authentication_error"], ["error", "permission_error"], ["error", "invalid_request_error"]]);
});

test("a failing upstream is refused in Anthropic's shape, with what its table says of waiting", async () => {
  const proxy = serving(() => json({}, 503), { models: { one: () => json({}, 503), two: () => json({}, 503) } });
  const response = await post(proxy);
  assert.equal(response.status, 503);
  assert.equal((await response.json()).error.type, "overloaded_error");
  assert.ok(Number(response.headers.get("retry-after")) > 0);
});

test("an upstream that fails within the stream is told by an error, and nothing after it", async () => {
  const list = await events(await streamed(serving(() => sse(delta({ content: "a" }), new Error("gone"))), {}));
  assert.deepEqual(list.slice(0, 3).map(({ type }) => type), ["message_start", "content_block_start", "content_block_delta"]);
  assert.equal(list.length, 4);
  assert.deepEqual(list[3], { type: "error", error: { type: "api_error", message: list[3].error.message, details: { error_code: "stream_truncated" } } });
});

test("an input that is no JSON object is an error, unless the answer was cut off", async () => {
  const calling = (text, finish) => serving(() => whole({ content: null, tool_calls: [{ id: "c", type: "function", function: { name: "paint", arguments: text } }] }, finish));
  const broken = await post(calling("[1]", "tool_calls"), { tools: [TOOL] });
  assert.equal(broken.status, 502);
  assert.equal((await broken.json()).error.type, "api_error");
  const cut = await (await post(calling('{"col', "length"), { tools: [TOOL] })).json();
  assert.deepEqual([cut.stop_reason, cut.content[0].input], ["max_tokens", {}]);
});

test("the same of a stream: it ends with an error where it would end with half an input", async () => {
  const calling = (text, finish) => serving(() => sse(call(0, { name: "paint", arguments: text }, "c"), delta({}, finish), USED));
  for (const [text, finish, last] of [['{"col', "tool_calls", "error"], ["[1]", "stop", "error"], ['{"col', "length", "message_stop"], ["", "tool_calls", "message_stop"]]) {
    const told = await events(await streamed(calling(text, finish), { tools: [TOOL] }));
    assert.equal(told.at(-1).type, last, text);
    assert.equal(told.filter(({ type }) => ["error", "message_stop"].includes(type)).length, 1);
    if (last === "error") assert.equal(told.at(-1).error.details.error_code, "upstream_error");
  }
});

test("a switch to another target is told at the end of the stream", () => {
  const edge = { switched: true, attempts: 2, legs: [] };
  const encoder = anthropic.encoder({ requested: "m", messages: [] });
  encoder.encode({ type: "finish", reason: "stop", edge });
  assert.ok(encoder.end.includes(JSON.stringify(edge)));
  assert.deepEqual(anthropic.encodeAnswer({ content: "a", finish_reason: "stop", usage: null, edge }, { requested: "m", messages: [] }).edge, edge);
});

test("tokens are counted by the house's estimate, and no model is asked", async () => {
  const proxy = serving();
  const count = async (changes, more = {}) => proxy.fetch("/v1/messages/count_tokens", { method: "POST", body: { ...ASK, max_tokens: undefined, ...changes }, ...more });
  const { input_tokens: plain } = await (await count({})).json();
  const { input_tokens: longer } = await (await count({ system: "x".repeat(400), tools: [TOOL] })).json();
  assert.equal(plain, Math.ceil(JSON.stringify(ASK.messages).length / 4));
  assert.equal(longer, Math.ceil(JSON.stringify([{ role: "system", content: "x".repeat(400) }, ...ASK.messages, [FUNCTION]]).length / 4));
  assert.equal((await count({ model: "nope" })).status, 404);
  assert.equal((await count({}, { key: null })).status, 401);
  assert.equal((await (await count({ messages: [] })).json()).type, "error");
  assert.equal(proxy.calls.length, 0);
});

test("to count tokens is no chat: it is not counted as one, nor is its refusal", async () => {
  const proxy = serving(undefined, { including: ["usage"] });
  for (const model of ["m", "nope"]) await proxy.fetch("/v1/messages/count_tokens", { method: "POST", body: { ...ASK, model } });
  await proxy.settled();
  assert.deepEqual(proxy.points, []);
});

test("the key may come as x-api-key, on every route; a bearer key beside it counts", async () => {
  const proxy = serving();
  const status = async (headers) => (await post(proxy, {}, { key: null, headers })).status;
  assert.equal(await status({ "x-api-key": KEYS.ci }), 200);
  assert.equal(await status({ "x-api-key": KEYS.ci, authorization: `Bearer ${KEYS.ci}` }), 200);
  assert.equal(await status({ "x-api-key": "sk-edge-wrong", authorization: `Bearer ${KEYS.ci}` }), 200);
  assert.equal(await status({ "x-api-key": KEYS.ci, authorization: "Bearer sk-edge-wrong" }), 401);
  for (const [key, told] of [["sk-edge-wrong", /not known/], ["", /Send your key/], [`${KEYS.ci} x`, /Send your key/], ["a".repeat(4_000), /Send your key/]]) {
    const refused = await post(proxy, {}, { key: null, headers: { "x-api-key": key } });
    assert.equal(refused.status, 401);
    assert.match((await refused.json()).error.message, told);
  }
  assert.equal((await proxy.fetch("/v1/models", { key: null, headers: { "x-api-key": KEYS.ci } })).status, 200);
});

test("a browser may read the request's id", async () => {
  const response = await post(serving(), {}, { headers: { origin: "https://app.example" } });
  assert.match(response.headers.get("access-control-expose-headers"), /(^|, )request-id(,|$)/);
});

test("a conversation is kept under the id of its header", async () => {
  const proxy = serving(undefined, { including: ["sessions"], config: { features: ["auth", "cache", "sessions", "streaming"] } });
  const headers = { "x-conversation-id": "talk" };
  const [start] = await events(await streamed(proxy, {}, { headers }));
  const { id, content } = await (await post(proxy, { messages: [{ role: "user", content: "more" }] }, { headers })).json();
  assert.match(start.message.id, /^msg_[0-9a-f]{32}$/);
  assert.notEqual(id, start.message.id);
  assert.deepEqual(content, [{ type: "text", text: "fine words" }]);
  assert.deepEqual(proxy.calls[1].inputs.messages.map(({ content: text }) => text), ["hi", "fine words", "more"]);
});

test("a turn that is sent again is the same message", async () => {
  const proxy = serving(undefined, { including: ["sessions"], config: { features: ["auth", "cache", "sessions", "streaming"] } });
  const headers = { "x-conversation-id": "talk", "idempotency-key": "k" };
  const [first, second] = [await (await streamed(proxy, {}, { headers })).text(), await (await streamed(proxy, {}, { headers })).text()];
  assert.equal(first, second);
  assert.equal(proxy.calls.length, 1);
});

test("the answer's bound of the stack holds", async () => {
  const { limits } = configuration();
  const response = await post(serving(undefined, { config: { limits: { ...limits, max_output_tokens: 20 } } }));
  assert.equal(response.status, 400);
  assert.equal((await response.json()).error.details.param, "max_tokens");
});

test("silence is broken by pings", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const { streaming } = await import("../../../worker_src/streaming/step.js");
    let end;
    const quiet = { next: () => new Promise((resolve) => { end = () => resolve({ done: true }); }), return: async () => ({ done: true }) };
    const reader = streaming()(quiet, anthropic.encoder({ requested: "m", messages: [] })).getReader();
    const waiting = reader.read();
    await Promise.resolve();
    mock.timers.tick(15_000);
    assert.equal(new TextDecoder().decode((await waiting).value), 'event: ping\ndata: {"type":"ping"}\n\n');
    end();
    assert.match(new TextDecoder().decode((await reader.read()).value), /message_stop/);
  } finally {
    mock.timers.reset();
  }
});
