import assert from "node:assert/strict";
import { test } from "node:test";

import { agUi } from "../../../worker_src/protocols/ag_ui/protocol.js";
import { anthropic } from "../../../worker_src/protocols/anthropic/protocol.js";
import { responses } from "../../../worker_src/protocols/responses/protocol.js";
import { answers, ask, chunks, harness, json, openaiAnswer, target, textOf } from "../fixture.js";

const ABILITIES = ["chat", "embeddings", "tools", "json_mode", "json_schema", "vision", "image_urls", "audio", "files", "n", "logprobs", "seed", "stop", "reasoning", "streaming"];
const everything = { ...Object.fromEntries(ABILITIES.map((name) => [name, true])), images: null, dimensions: null, batch: null, native: false, beside: false, guided: false };
const without = (...names) => ({ ...everything, ...Object.fromEntries(names.map((name) => [name, false])) });
const TOOL = { type: "function", function: { name: "f" } };
const SCHEMA = { type: "json_schema", json_schema: { name: "city", strict: true, schema: { type: "object" } } };
const image = (url) => ({ type: "image_url", image_url: { url } });
const DATA = "data:image/png;base64,AAAA";
const said = (...parts) => ({ messages: [{ role: "system", content: "See." }, { role: "user", content: [{ type: "text", text: "what?" }, ...parts] }] });

/** The app with one model of one target that cannot do something. */
const lacking = (capabilities, more = {}) => harness({ config: { models: { m: { targets: [target("one", { capabilities })] } }, aliases: {} }, ...more });

const REFUSED = [
  ["tools", { tools: [TOOL] }, "tools"],
  ["tools", { functions: [{ name: "f" }] }, "functions"],
  ["json_mode", { response_format: { type: "json_object" } }, "response_format"],
  ["json_schema", { response_format: SCHEMA }, "response_format"],
  ["vision", said(image(DATA)), "messages[1].content[1]"],
  ["image_urls", said(image(DATA), image("https://x.example/a.png")), "messages[1].content[2]"],
  ["audio", said({ type: "input_audio", input_audio: { data: "", format: "wav" } }), "messages[1].content[1]"],
  ["files", said({ type: "file", file: { file_id: "f" } }), "messages[1].content[1]"],
  ["n", { n: 2 }, "n"],
  ["logprobs", { logprobs: true }, "logprobs"],
  ["logprobs", { top_logprobs: 2 }, "top_logprobs"],
  ["seed", { seed: 0 }, "seed"],
  ["stop", { stop: "END" }, "stop"],
  ["stop", { stop: ["END"] }, "stop"],
  ["reasoning", { reasoning_effort: "low" }, "reasoning_effort"],
];
for (const [ability, asked, param] of REFUSED) {
  test(`who cannot do ${ability} is not asked for ${JSON.stringify(asked).slice(0, 60)}`, async () => {
    const unable = lacking(without(ability));
    const response = await unable.chat(ask("x", asked));
    const { error } = await response.json();
    assert.deepEqual([response.status, error.code, error.param, unable.calls.length], [400, "unsupported_parameter", param, 0]);
    assert.ok(error.message.startsWith(`'${param}': the model 'm' cannot `), error.message);
    const able = lacking(everything);
    assert.equal((await able.chat(ask("x", asked))).status, 200);
    assert.equal(able.calls.length, 1);
  });
}

test("what asks for nothing is refused to nobody", async () => {
  const nothing = { tools: [], response_format: { type: "text" }, n: 1, logprobs: false, top_logprobs: 0, seed: null, stop: [], reasoning_effort: "none" };
  const { chat } = lacking(without(...ABILITIES.filter((name) => name !== "chat")));
  assert.equal((await chat(ask("x", nothing))).status, 200);
  assert.equal((await chat({ messages: [{ role: "user", content: [{ type: "text", text: "a" }] }] })).status, 200);
});

test("a target that cannot do it is passed over while another can, also as the first and for a second that fails", async () => {
  const targets = [target("one", { capabilities: without("vision") }), target("two"), target("three", { capabilities: without("vision") }), target("four", { capabilities: everything })];
  const models = { two: () => json({}, 500), four: answers("I see") };
  const { chat, calls } = harness({ models, config: { models: { m: { targets } }, aliases: {}, fallback: { attempts_per_target: 1, base_delay_ms: 1, max_delay_ms: 2, deadline_ms: 2_000, retry_ratio: 0, retry_burst: 0 } } });
  const response = await chat(ask("x", said(image(DATA))));
  assert.equal((await response.json()).choices[0].message.content, "I see");
  assert.deepEqual(calls.map(({ model }) => model), ["two", "four"]);
  assert.equal(response.headers.get("x-edge-targets"), "2");
  assert.equal((await chat(ask("plain"))).headers.get("x-edge-target"), "ai/one");
});

test("what none of the targets can do is refused in the words for the first", async () => {
  const targets = [target("one", { capabilities: without("vision") }), target("two", { capabilities: without("n") })];
  const { chat } = harness({ config: { models: { m: { targets } }, aliases: {} } });
  assert.equal((await (await chat(ask("x", { n: 2, ...said(image(DATA)) }))).json()).error.param, "messages[1].content[1]");
  assert.equal((await chat(ask("x", { n: 2 }))).status, 200);
});

test("every protocol's chat is held against what its model can", async () => {
  const { fetch, calls } = lacking(without("vision"), { protocols: { ag_ui: agUi } });
  const content = [{ type: "image", source: { type: "data", value: "AAAA", mimeType: "image/png" } }];
  const run = { threadId: "t", runId: "r", messages: [{ id: "u", role: "user", content }], tools: [], context: [], forwardedProps: {} };
  const response = await fetch("/agent/default/run", { method: "POST", body: run });
  assert.deepEqual([response.status, (await response.json()).error.param, calls.length], [400, "messages[0].content[0]", 0]);
});

const ASKED = { "/v1/messages": { model: "m", max_tokens: 9, messages: [{ role: "user", content: "x" }] }, "/v1/responses": { model: "m", input: "x" } };
const FORMAT = { type: "json_schema", schema: { type: "object" } };
for (const [ability, path, asked, param] of [
  ["stop", "/v1/messages", { stop_sequences: ["END"] }, "stop_sequences"],
  ["reasoning", "/v1/messages", { output_config: { effort: "low" } }, "output_config.effort"],
  ["json_schema", "/v1/messages", { output_config: { format: FORMAT } }, "output_config.format"],
  ["reasoning", "/v1/responses", { reasoning: { effort: "low" } }, "reasoning.effort"],
  ["json_schema", "/v1/responses", { text: { format: { ...FORMAT, name: "x" } } }, "text.format"],
]) {
  test(`what asks for ${ability} at ${path} is called ${param}, as its caller wrote it`, async () => {
    const { fetch, calls } = lacking(without(ability), { protocols: { anthropic, responses } });
    const response = await fetch(path, { method: "POST", body: { ...ASKED[path], ...asked } });
    assert.equal(response.status, 400);
    const { error } = await response.json();
    assert.equal(error.param ?? error.details.param, param);
    assert.ok(error.message.startsWith(`'${param}'`));
    assert.equal(calls.length, 0);
  });
}

test("a conversation that holds an image goes on with the targets that see it", async () => {
  const targets = [target("one", { capabilities: without("vision") }), target("two", { capabilities: everything })];
  const { chat, calls } = harness({ including: ["sessions"], config: { models: { m: { targets } }, aliases: {} } });
  const headers = { "x-conversation-id": "c1" };
  for (const body of [ask("x", said(image(DATA))), ask("and now?")]) assert.equal((await chat(body, { headers })).status, 200);
  assert.deepEqual(calls.map(({ model }) => model), ["two", "two"]);
});

test("who cannot stream is asked for the whole, which is sent as a stream", async () => {
  const { chat, calls } = lacking(without("streaming"), { models: { one: (inputs) => json(inputs.stream ? {} : openaiAnswer("whole")) } });
  const list = await chunks(await chat(ask("x", { stream: true, stream_options: { include_usage: true } })));
  assert.equal(textOf(list), "whole");
  assert.deepEqual([list.at(-2).usage.total_tokens, list.at(-1)], [5, "[DONE]"]);
  assert.equal("stream" in calls[0].inputs, false);
});

test("Workers AI's older models get a bare JSON schema, whole and not streamed", async () => {
  for (const [native, json_schema] of [[true, SCHEMA.json_schema.schema], [false, SCHEMA.json_schema]]) {
    const { chat, calls } = lacking({ ...everything, native }, { models: { one: (inputs) => (inputs.stream ? answers("{}")(inputs) : json({ response: { a: 1 } })) } });
    assert.equal(textOf(await chunks(await chat(ask("x", { stream: true, response_format: SCHEMA })))), native ? '{"a":1}' : "{}");
    assert.deepEqual(calls[0].inputs.response_format, { type: "json_schema", json_schema });
    assert.equal(calls[0].inputs.stream, native ? undefined : true);
  }
});

test("Workers AI's older models are told nothing of text as a format, and of JSON mode its type", async () => {
  const { chat, calls } = lacking({ ...everything, native: true });
  await chat(ask("x", { response_format: { type: "text" } }));
  await chat(ask("y", { response_format: { type: "json_object" } }));
  assert.deepEqual(calls.map(({ inputs }) => inputs.response_format), [undefined, { type: "json_object" }]);
});

test("models that are guided by a schema get it as such, and of text as a format nothing", async () => {
  const { chat, calls } = lacking({ ...everything, guided: true });
  for (const response_format of [SCHEMA, { type: "text" }]) await chat(ask("x", { response_format }));
  assert.deepEqual(calls.map(({ inputs }) => [inputs.guided_json, inputs.response_format]), [[{ type: "object" }, undefined], [undefined, undefined]]);
});

test("so many images and no more, counted over all messages", async () => {
  const { chat, calls } = lacking({ ...everything, images: 2 });
  const turns = (count) => ({ messages: Array(count).fill({ role: "user", content: [image(DATA)] }) });
  assert.equal((await chat(turns(2))).status, 200);
  const { error } = await (await chat(turns(3))).json();
  assert.deepEqual([error.code, error.param, calls.length], ["unsupported_parameter", "messages[0].content[0]", 1]);
  assert.match(error.message, /cannot see so many images/);
});

test("a model that takes an image beside its messages gets its bytes there, and text in them", async () => {
  const { chat, calls } = lacking({ ...everything, native: true, beside: true, images: 1 });
  await chat(ask("x", said(image("data:image/png;base64,AP8Q"))));
  assert.deepEqual(calls[0].inputs.image, [0, 255, 16]);
  assert.deepEqual(calls[0].inputs.messages, [{ role: "system", content: "See." }, { role: "user", content: "what?" }]);
  await chat(ask("y"));
  assert.equal("image" in calls[1].inputs, false);
  assert.equal((await chat(ask("x", said(image("data:image/png;base64,?"))))).status, 400);
  assert.equal(calls.length, 2);
});
