import assert from "node:assert/strict";
import { test } from "node:test";

import { responses } from "../../../worker_src/protocols/responses/protocol.js";
import { KEYS, answers, configuration, harness, openaiAnswer, json, paced, sse } from "../fixture.js";

const delta = (given, finish = null) => ({ choices: [{ index: 0, delta: given, finish_reason: finish }] });
const USED = { choices: [], usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5, completion_tokens_details: { reasoning_tokens: 1 } } };
const call = (index, fn, id) => delta({ tool_calls: [{ index, ...(id ? { id, type: "function" } : {}), function: fn }] });
const TOOL = { type: "function", name: "paint", description: "Paints", parameters: { type: "object" }, strict: true };

const serving = ({ frames, ...more } = {}) =>
  harness({ protocols: { responses }, ...(frames ? { models: { one: () => sse(...frames, "[DONE]") } } : {}), ...more });
const keeping = (more = {}) => serving({ including: ["sessions", "kept_responses"], ...more });
const respond = (proxy, body, options = {}) => proxy.fetch("/v1/responses", { method: "POST", body: { input: "hi", ...body }, ...options });
const made = async (proxy, body, options) => (await respond(proxy, body, options)).json();

/** The events of a stream; their order is that of their numbers, and each frame is named like its event. */
async function events(response, from = 0) {
  const text = await response.text();
  assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
  assert.ok(!text.includes("[DONE]") && text.endsWith("\n\n"));
  const told = text.split("\n\n").filter(Boolean).map((frame) => {
    const [, name, data] = /^event: (.+)\ndata: (.+)$/.exec(frame);
    const event = JSON.parse(data);
    assert.equal(event.type, name);
    return event;
  });
  assert.deepEqual(told.map((event) => event.sequence_number), told.map((_, place) => from + place));
  return told;
}

test("a text is told in the order that clients need, and is whole at its end", async () => {
  const told = await events(await respond(serving({ frames: [delta({ content: "a " }), delta({ content: "b" }), delta({}, "stop"), USED] }), { stream: true }));
  assert.deepEqual(told.map(({ type }) => type.replace("response.", "")), [
    "created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.delta", "output_text.done", "content_part.done",
    "output_item.done", "completed",
  ]);
  const [created, , added, , first, second, text, part, done, { response }] = told;
  assert.deepEqual([created.response.status, created.response.output, created.response.usage], ["in_progress", [], null]);
  assert.deepEqual([first.delta, second.delta, text.text, part.part.text], ["a ", "b", "a b", "a b"]);
  for (const event of [first, text, part]) assert.deepEqual([event.item_id, event.output_index, event.content_index], [added.item.id, 0, 0]);
  assert.deepEqual(response.output, [done.item]);
  assert.equal(response.status, "completed");
  assert.deepEqual(response.usage, {
    input_tokens: 3, input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 }, output_tokens: 2, output_tokens_details: { reasoning_tokens: 1 }, total_tokens: 5,
  });
});

test("a stream and a whole answer have the same output", async () => {
  const message = { reasoning_content: "hm", content: "ok", refusal: "no", tool_calls: [{ id: "c1", type: "function", function: { name: "paint", arguments: "{}" } }] };
  const frames = [delta({ reasoning_content: "hm" }), delta({ content: "ok" }), delta({ refusal: "no" }), call(0, { name: "paint", arguments: "{}" }, "c1"), delta({}, "tool_calls")];
  const one = (inputs) => (inputs.stream ? sse(...frames, "[DONE]") : json({ choices: [{ index: 0, message, finish_reason: "tool_calls" }] }));
  const proxy = serving({ models: { one } });
  const { output } = await made(proxy, { tools: [TOOL] });
  const told = await events(await respond(proxy, { tools: [TOOL], stream: true }));
  const streamed = told.at(-1).response.output;
  const plain = (items) => items.map(({ id, ...item }) => [id.replace(/[0-9a-f]{32}/, ""), item]);
  assert.deepEqual(plain(streamed), plain(output));
  assert.deepEqual(output.map(({ type }) => type), ["reasoning", "message", "function_call"]);
  assert.deepEqual(output[1].content.map((part) => part.text ?? part.refusal), ["ok", "no"]);
  const names = told.map(({ type }) => type.replace("response.", ""));
  assert.ok(names.indexOf("reasoning_summary_part.done") < names.indexOf("output_text.delta"));
  assert.ok(names.indexOf("output_text.done") < names.indexOf("refusal.delta"));
  assert.ok(names.indexOf("refusal.done") < names.indexOf("function_call_arguments.delta"));
});

test("calls that come at once are items of their own, closed at the end", async () => {
  const frames = [call(0, { name: "paint", arguments: "" }, "c1"), call(1, { name: "paint", arguments: "{" }, "c2"), call(0, { arguments: "{}" }), call(1, { arguments: "}" }), delta({}, "tool_calls")];
  const told = await events(await respond(serving({ frames }), { stream: true, tools: [TOOL] }));
  const deltas = told.filter(({ type }) => type === "response.function_call_arguments.delta");
  assert.deepEqual(deltas.map((event) => [event.output_index, event.delta]), [[1, "{"], [0, "{}"], [1, "}"]]);
  const { output } = told.at(-1).response;
  assert.deepEqual(output.map((item) => [item.call_id, item.name, item.arguments, item.status]), [["c1", "paint", "{}", "completed"], ["c2", "paint", "{}", "completed"]]);
  assert.equal(new Set(output.map(({ id }) => id)).size, 2);
});

test("thoughts that come again after the text are an item of their own", async () => {
  const frames = [delta({ content: "a" }), delta({ reasoning_content: "hm" }), delta({ content: "b" }), delta({}, "stop")];
  const { response } = (await events(await respond(serving({ frames }), { stream: true }))).at(-1);
  assert.deepEqual(response.output.map(({ id, type }) => [id.split("_").at(-1), type]), [["0", "message"], ["1", "reasoning"], ["2", "message"]]);
});

test("an answer without anything is an empty text", async () => {
  const { output } = (await events(await respond(serving({ frames: [delta({}, "stop")] }), { stream: true }))).at(-1).response;
  assert.deepEqual(output.map(({ content }) => content), [[{ type: "output_text", annotations: [], logprobs: [], text: "" }]]);
});

for (const [finish, reason] of [["length", "max_output_tokens"], ["content_filter", "content_filter"]]) {
  test(`a finish by ${finish} is no whole response`, async () => {
    const [last] = (await events(await respond(serving({ frames: [delta({ content: "a" }), delta({}, finish)] }), { stream: true }))).slice(-1);
    assert.equal(last.type, "response.incomplete");
    assert.deepEqual(last.response.incomplete_details, { reason });
    assert.equal(last.response.output[0].status, "incomplete");
  });
}

test("an upstream that fails within the stream is told as a failed response and as an error, and nothing after it", async () => {
  const told = await events(await respond(serving({ frames: [delta({ content: "a" })], models: { one: () => sse(delta({ content: "a" })) } }), { stream: true }));
  const [failed, error] = told.slice(-2);
  assert.equal(failed.type, "response.failed");
  assert.equal(failed.response.error.code, "server_error");
  assert.equal(failed.response.output[0].content[0].text, "a");
  assert.equal(failed.response.output[0].status, "incomplete");
  assert.deepEqual([error.type, error.code, error.error.code], ["error", "stream_truncated", "stream_truncated"]);
});

test("the model is told what chat completions would tell it", async () => {
  const proxy = serving();
  const input = [
    { role: "developer", content: "Rules." },
    { type: "message", role: "user", content: [{ type: "input_text", text: "see" }, { type: "input_image", image_url: "https://x/y.png", detail: "low" }] },
    { type: "reasoning", id: "rs_1", summary: [] },
    { type: "message", role: "assistant", content: [{ type: "output_text", text: "I " }, { type: "output_text", text: "paint" }, { type: "refusal", refusal: "no" }] },
    { type: "function_call", id: "fc_1", call_id: "c1", name: "paint", arguments: "{}" },
    { type: "function_call", id: "fc_2", call_id: "c2", name: "paint", arguments: "{}" },
    { type: "function_call_output", call_id: "c1", output: "done" },
    { type: "function_call_output", call_id: "c2", output: [{ type: "input_text", text: "also" }] },
  ];
  const told = { tools: [TOOL], tool_choice: { type: "function", name: "paint" }, parallel_tool_calls: false, max_output_tokens: 9, temperature: 0.5, top_p: 0.9 };
  const text = { format: { type: "json_schema", name: "x", schema: { type: "object" }, strict: true }, verbosity: "low" };
  const response = await made(proxy, { ...told, text, input, instructions: "Brief.", reasoning: { effort: "low" }, metadata: { a: "b" }, user: "u", store: false });
  const { messages, ...settings } = proxy.calls[0].inputs;
  const { type: _, ...named } = TOOL;
  const calls = ["c1", "c2"].map((id) => ({ id, type: "function", function: { name: "paint", arguments: "{}" } }));
  assert.deepEqual(messages, [
    { role: "system", content: "Brief." },
    { role: "system", content: "Rules." },
    { role: "user", content: [{ type: "text", text: "see" }, { type: "image_url", image_url: { url: "https://x/y.png", detail: "low" } }] },
    { role: "assistant", content: "I paint", refusal: "no", tool_calls: calls },
    { role: "tool", tool_call_id: "c1", content: "done" },
    { role: "tool", tool_call_id: "c2", content: "also" },
  ]);
  assert.deepEqual(settings, {
    temperature: 0.5, top_p: 0.9, user: "u", max_tokens: 9, reasoning_effort: "low", verbosity: "low", parallel_tool_calls: false,
    tools: [{ type: "function", function: named }], tool_choice: { type: "function", function: { name: "paint" } },
    response_format: { type: "json_schema", json_schema: { name: "x", schema: { type: "object" }, strict: true } },
  });
  for (const [name, value] of Object.entries(told)) assert.deepEqual(response[name], value);
  assert.deepEqual([response.instructions, response.metadata, response.text, response.store], ["Brief.", { a: "b" }, text, false]);
});

test("a long input costs as much as it is long, whatever its items are", () => {
  const config = configuration({ features: [] });
  const spent = (input) => {
    const before = performance.now();
    assert.throws(() => responses.decode({ model: "m", input }, config, { models: null }), { code: "invalid_request", param: "input" });
    return performance.now() - before;
  };
  const calls = Array(100_000).fill({ type: "function_call", call_id: "c", name: "paint", arguments: "" });
  for (const item of [{ role: "user", content: "" }, { role: "assistant", content: "" }]) assert.ok(spent(Array(100_000).fill(item)) < 2_000);
  assert.ok(spent([...calls, ...Array(21).fill({ role: "user", content: "" })]) < 2_000);
});

test("what asks for what happens anyway is taken", async () => {
  const fine = { background: false, truncation: "disabled", include: ["reasoning.encrypted_content"], top_logprobs: 0, tools: [], text: { format: { type: "text" } }, conversation: null };
  assert.equal((await respond(serving(), fine)).status, 200);
});

for (const [param, changes, code = "invalid_request"] of [
  ["input", { input: undefined }],
  ["input", { input: [] }],
  ["input", { input: [{ type: "reasoning", id: "r", summary: [] }], instructions: "x" }],
  ["input[0]", { input: ["hi"] }],
  ["input[1].type", { input: [{ role: "user", content: "x" }, { type: "item_reference", id: "msg_1" }] }, "unsupported_parameter"],
  ["input[0].role", { input: [{ role: "tool", content: "x" }] }],
  ["input[0].role", { input: [{ role: "constructor", content: "x" }] }],
  ["input[0].content", { input: [{ role: "user", content: 1 }] }],
  ["input[0].content[0].type", { input: [{ role: "user", content: [{ type: "video" }] }] }, "unsupported_parameter"],
  ["input[0].content[0].text", { input: [{ role: "user", content: [{ type: "input_text" }] }] }],
  ["input[0].content[0].file_id", { input: [{ role: "user", content: [{ type: "input_image", file_id: "f" }] }] }, "unsupported_parameter"],
  ["input[0].content[0].file_url", { input: [{ role: "user", content: [{ type: "input_file", file_url: "https://x" }] }] }, "unsupported_parameter"],
  ["input[0].call_id", { input: [{ type: "function_call", name: "x", arguments: "{}" }] }],
  ["input[0].output[0].type", { input: [{ type: "function_call_output", call_id: "c", output: [{ type: "input_image", image_url: "x" }] }] }, "unsupported_parameter"],
  ["instructions", { instructions: [] }],
  ["tools", { tools: {} }],
  ["tools[0].type", { tools: [{ type: "web_search" }] }, "unsupported_parameter"],
  ["tools[0].name", { tools: [{ type: "function" }] }],
  ["tools[0].name", { tools: [{ type: "function", name: "" }] }],
  ["tools[0].parameters", { tools: [{ ...TOOL, parameters: "{}" }] }],
  ["tools[0].strict", { tools: [{ ...TOOL, strict: "yes" }] }],
  ["tools[0].description", { tools: [{ ...TOOL, description: 1 }] }],
  ["tool_choice", { tools: [TOOL], tool_choice: "always" }],
  ["tool_choice", { tools: [TOOL], tool_choice: { type: "function", name: "toString" } }],
  ["tool_choice", { tool_choice: "required" }],
  ["tool_choice.type", { tools: [TOOL], tool_choice: { type: "web_search" } }, "unsupported_parameter"],
  ["text", { text: "json" }],
  ["text.format.type", { text: { format: { type: "grammar" } } }, "unsupported_parameter"],
  ["text.format.schema", { text: { format: { type: "json_schema", name: "x" } } }],
  ["max_output_tokens", { max_output_tokens: 0 }],
  ["reasoning.effort", { reasoning: { effort: 3 } }],
  ["store", { store: "yes" }],
  ["stream", { stream: 1 }],
  ["background", { background: true }, "unsupported_parameter"],
  ["truncation", { truncation: "auto" }, "unsupported_parameter"],
  ["include", { include: ["file_search_call.results"] }, "unsupported_parameter"],
  ["top_logprobs", { top_logprobs: 3 }, "unsupported_parameter"],
  ["prompt", { prompt: { id: "p" } }, "unsupported_parameter"],
  ["max_tokens", { max_tokens: 3 }, "unsupported_parameter"],
  ["store", { store: true }, "unsupported_parameter"],
  ["previous_response_id", { previous_response_id: "resp_1" }, "unsupported_parameter"],
  ["conversation", { conversation: "c" }, "unsupported_parameter"],
]) {
  test(`${JSON.stringify(changes)} is refused, and ${param} is named`, async () => {
    const proxy = serving();
    const response = await respond(proxy, changes);
    assert.equal(response.status, 400);
    const { error } = await response.json();
    assert.deepEqual([error.code, error.param], [code, param]);
    assert.ok(error.message.toLowerCase().includes(param));
    assert.equal(proxy.calls.length, 0);
  });
}

test("a limit of messages or tokens is told by this protocol's names", async () => {
  const limits = { max_body_bytes: 20_000, max_messages: 1, max_input_tokens: 20, max_output_tokens: 5, rules: [], cache_hits: "free" };
  const proxy = serving({ config: { limits } });
  const params = [{ input: ["a", "b"].map((content) => ({ role: "user", content })) }, { input: "x".repeat(200) }, { max_output_tokens: 6 }];
  const named = await Promise.all(params.map(async (body) => (await made(proxy, body)).error.param));
  assert.deepEqual(named, ["input", "input", "max_output_tokens"]);
});

test("a kept response leads to its conversation, and the next one goes on there", async () => {
  const proxy = keeping();
  const first = await made(proxy, { instructions: "Once.", input: [{ role: "developer", content: "Always." }, { role: "user", content: "one" }] });
  const second = await made(proxy, { input: "two", previous_response_id: first.id });
  assert.equal(second.previous_response_id, first.id);
  assert.notEqual(second.id, first.id);
  await made(proxy, { instructions: "Now.", input: [{ role: "developer", content: "Also." }, { role: "user", content: "three" }], previous_response_id: second.id });
  assert.deepEqual(proxy.calls.map(({ inputs }) => inputs.messages.map(({ content }) => content)), [
    ["Once.", "Always.", "one"],
    ["Always.", "one", "fine", "two"],
    ["Now.", "Always.", "Also.", "one", "fine", "two", "fine", "three"],
  ]);
});

test("a response that repeats what was said before says it again", async () => {
  const proxy = keeping();
  const first = await made(proxy, { input: "one" });
  const input = [{ role: "user", content: "one" }, { role: "assistant", content: "fine" }, { role: "user", content: "two" }];
  await made(proxy, { input, previous_response_id: first.id });
  assert.deepEqual(proxy.calls[1].inputs.messages.map(({ content }) => content), ["one", "fine", "one", "fine", "two"]);
});

test("a conversation may be named, and the answer names it", async () => {
  const proxy = keeping();
  for (const conversation of ["talk", { id: "talk" }]) assert.deepEqual((await made(proxy, { conversation })).conversation, { id: "talk" });
  assert.equal(proxy.calls[1].inputs.messages.length, 3);
  assert.equal((await made(proxy, {})).conversation, null);
});

test("what is not stored leaves nothing, and is not gone on from", async () => {
  const proxy = keeping();
  const { id } = await made(proxy, { store: false });
  assert.match(id, /^resp_[0-9a-f]{32}$/);
  assert.equal((await (await proxy.fetch("/v1/conversations")).json()).data.length, 0);
  const { error } = await made(proxy, { previous_response_id: id });
  assert.deepEqual([error.code, error.param], ["previous_response_not_found", "previous_response_id"]);
  for (const [body, options] of [[{ conversation: "c" }], [{}, { headers: { "x-conversation-id": "c" } }]]) {
    assert.equal((await made(proxy, { store: false, ...body }, options)).error.param, "store");
  }
});

test("a response is gone on from by its own tenant alone", async () => {
  const proxy = keeping();
  const { id } = await made(proxy, {});
  const { error } = await made(proxy, { previous_response_id: id }, { key: KEYS.other });
  assert.equal(error.code, "previous_response_not_found");
  assert.equal((await proxy.fetch(`/v1/responses/${id}`, { key: KEYS.other })).status, 404);
  assert.equal((await proxy.fetch(`/v1/responses/${id}`, { key: KEYS.other, method: "DELETE" })).status, 404);
});

test("conversations do not branch: only the last response is gone on from", async () => {
  const proxy = keeping();
  const first = await made(proxy, {});
  const second = await made(proxy, { previous_response_id: first.id });
  const { error } = await made(proxy, { previous_response_id: first.id });
  assert.deepEqual([error.code, error.param], ["invalid_request", "previous_response_id"]);
  assert.match(error.message, /do not branch/);
  assert.equal((await respond(proxy, { previous_response_id: second.id })).status, 200);
  assert.equal((await made(proxy, { previous_response_id: first.id, conversation: "x" })).error.param, "previous_response_id");
});

test("a turn that failed is not gone on from, but the one before it is", async () => {
  let answering = answers("fine");
  const proxy = keeping({ models: { one: (inputs) => answering(inputs), two: (inputs) => answering(inputs) } });
  const first = await made(proxy, {});
  answering = () => json({}, 400);
  await respond(proxy, { previous_response_id: first.id });
  answering = answers("again");
  const [conversation] = (await (await proxy.fetch("/v1/conversations")).json()).data;
  const { runs } = await (await proxy.fetch(`/v1/conversations/${conversation.id}`)).json();
  const failed = `resp_${runs[1].id.slice(4)}_${conversation.id}`;
  assert.match((await made(proxy, { previous_response_id: failed })).error.message, /is failed/);
  assert.equal((await made(proxy, { previous_response_id: first.id })).output[0].content[0].text, "again");
  assert.equal((await (await proxy.fetch(`/v1/responses/${failed}`)).json()).status, "failed");
});

test("a response that goes on is shown so, not gone on from, and cancelled", async () => {
  const proxy = keeping({ models: { one: () => paced(delta({ content: "a" }), new Promise(() => {})) } });
  const reader = (await respond(proxy, { stream: true })).body.getReader();
  const [, id] = /"id":"(resp_[^"]+)"/.exec(new TextDecoder().decode((await reader.read()).value));
  const going = await (await proxy.fetch(`/v1/responses/${id}`)).json();
  assert.deepEqual([going.status, going.output], ["in_progress", []]);
  const { error } = await made(proxy, { previous_response_id: id });
  assert.deepEqual([error.code, error.param], ["conversation_busy", "previous_response_id"]);
  const cancelled = await (await proxy.fetch(`/v1/responses/${id}/cancel`, { method: "POST" })).json();
  const [{ status, content }] = cancelled.output;
  assert.deepEqual([cancelled.status, cancelled.error, status, content[0].text], ["cancelled", null, "incomplete", "a"]);
  await reader.cancel();
});

test("a response is read again: whole, as the same events, and from any of them", async () => {
  const proxy = keeping();
  const told = await events(await respond(proxy, { stream: true, metadata: { a: "b" } }));
  const { response } = told.at(-1);
  assert.deepEqual(await (await proxy.fetch(`/v1/responses/${encodeURIComponent(response.id)}`)).json(), response);
  for (const after of [-1, 0, 4]) {
    const query = after < 0 ? "stream=true" : `stream=true&starting_after=${after}`;
    assert.deepEqual(await events(await proxy.fetch(`/v1/responses/${response.id}?${query}`), after + 1), told.slice(after + 1));
  }
  assert.equal((await proxy.fetch(`/v1/responses/${response.id}?stream=true&starting_after=x`)).status, 400);
});

test("a response is deleted with its conversation, where that has no other turn", async () => {
  const proxy = keeping();
  const first = await made(proxy, {});
  const second = await made(proxy, { previous_response_id: first.id });
  const refused = await (await proxy.fetch(`/v1/responses/${second.id}`, { method: "DELETE" })).json();
  assert.equal(refused.error.param, "response_id");
  const alone = await made(proxy, {});
  const deleted = await (await proxy.fetch(`/v1/responses/${alone.id}`, { method: "DELETE" })).json();
  assert.deepEqual(deleted, { id: alone.id, object: "response", deleted: true });
  assert.equal((await proxy.fetch(`/v1/responses/${alone.id}`)).status, 404);
});

test("an id that no response has is not found, nor that of another protocol's turn", async () => {
  const proxy = keeping();
  const chat = await proxy.chat({ messages: [{ role: "user", content: "x" }], conversation: "talk" });
  const turn = `resp_${chat.headers.get("x-edge-run").slice(4)}_talk`;
  for (const id of ["resp_1", `resp_${"0".repeat(32)}_c`, turn]) assert.equal((await proxy.fetch(`/v1/responses/${id}`)).status, 404);
});

test("a request that comes again with its key is one response", async () => {
  const proxy = keeping();
  const options = { headers: { "idempotency-key": "k1" } };
  const [first, second] = [await made(proxy, {}, options), await made(proxy, {}, options)];
  assert.deepEqual(first, second);
  assert.equal(proxy.calls.length, 1);
  assert.equal((await respond(proxy, { input: "other" }, options)).status, 422);
});

test("a request that is refused begins no conversation", async () => {
  const rule = { name: "few", per: "key", of: "requests", at_most: 1, window_seconds: 60, kind: "fixed", keys: null, models: null, fail: "closed" };
  const limits = { max_body_bytes: 20_000, max_messages: 20, max_input_tokens: null, max_output_tokens: null, rules: [rule], cache_hits: "free" };
  const proxy = harness({ protocols: { responses }, including: ["sessions", "kept_responses", "limits"], config: { limits } });
  const { id } = await made(proxy, {});
  for (const stream of [false, true]) {
    const refused = await respond(proxy, { input: "more", stream });
    assert.deepEqual([refused.status, (await refused.json()).error.code], [429, "rate_limit_exceeded"]);
  }
  let listed = [null, null];
  for (let round = 0; listed.length > 1 && round < 100; round += 1) {
    await new Promise(setImmediate); // the refusal is told before its conversation is gone
    listed = (await (await proxy.fetch("/v1/conversations")).json()).data;
  }
  assert.deepEqual(listed.map((each) => id.endsWith(each.id)), [true]);
});

test("where nothing is kept there are no addresses of responses", async () => {
  const proxy = serving();
  assert.equal((await proxy.fetch(`/v1/responses/${(await made(proxy, {})).id}`)).status, 404);
});

test("the next target answers where the first fails", async () => {
  const proxy = serving({ models: { one: () => json({}, 500), two: () => json(openaiAnswer("two")) } });
  const response = await respond(proxy, {});
  assert.equal((await response.json()).output[0].content[0].text, "two");
  assert.notEqual(response.headers.get("x-edge-attempts"), "1");
});
