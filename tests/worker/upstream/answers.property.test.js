// Models that send anything: the caller gets a well-formed answer with the model's own words, or an explicit error.
import assert from "node:assert/strict";

import fc from "fast-check";

import { CODES } from "../../../worker_src/errors.js";
import { ask, chunks, harness, target, textOf } from "../fixture.js";
import {
  almostEvents,
  jsText,
  jsonText,
  joined,
  listOf,
  literal,
  mutated,
  pieces,
  property,
  sizes,
} from "../property.js";

const REASONS = ["stop", "length", "tool_calls", "content_filter", "function_call"];
const bytes = new TextEncoder();
const quoted = jsText.map((held) => JSON.stringify(held));

/** JSON that a parser reads and that JSON.stringify, which calls itself, cannot write. */
const deep = fc.constant(`${"[".repeat(9_000)}${"]".repeat(9_000)}`);
const any = fc.oneof(
  { weight: 9, arbitrary: jsonText("choices", "delta", "content", "message", "index") },
  { weight: 1, arbitrary: deep },
);
const shape = (members) => mutated(members, any);

const usage = shape({
  prompt_tokens: literal(3),
  completion_tokens: literal(2),
  prompt_tokens_details: shape({ cached_tokens: literal(1) }),
});
const named = shape({ name: literal("f"), arguments: fc.oneof(quoted, literal({})) });
const toolCall = shape({
  index: literal(0, 1, 127, 128, -1),
  id: literal("c1", "c2"),
  type: literal("function"),
  function: named,
});
const delta = shape({
  role: literal("assistant"),
  content: quoted,
  reasoning_content: quoted,
  refusal: quoted,
  tool_calls: listOf(toolCall, 2),
});
const plainDelta = quoted.map((held) => `{"content":${held}}`);
const choice = (inner) =>
  shape({ index: literal(0), delta: inner, finish_reason: literal(null, null, null, ...REASONS, "eos", "error") });
const chunk = fc.oneof(
  { weight: 4, arbitrary: shape({ choices: choice(plainDelta).map((held) => `[${held}]`) }) },
  { weight: 1, arbitrary: shape({ choices: choice(delta).map((held) => `[${held}]`), usage }) },
  { weight: 2, arbitrary: shape({ response: quoted, tool_calls: literal([], null), usage }) },
  { weight: 1, arbitrary: shape({ error: literal({ message: "canary-upstream" }) }) },
  { weight: 1, arbitrary: any },
);
const last = fc.constantFrom("[DONE]", '{"choices":[{"delta":{},"finish_reason":"stop"}]}', "");
const events = fc
  .tuple(fc.array(fc.oneof({ weight: 9, arbitrary: chunk }, { weight: 1, arbitrary: last }), { maxLength: 6 }), last)
  .map(([list, end]) => [...list, end]);
const streamed = fc
  .tuple(events, fc.constantFrom("\n", "\r\n", "\r"))
  .map(([list, end]) => bytes.encode(list.map((data) => `data: ${data}${end}${end}`).join("")));
/** A stream from which something was cut, or into which something was put. */
const damaged = fc
  .tuple(streamed, fc.nat(), fc.nat(30), fc.uint8Array({ maxLength: 4 }))
  .map(([whole, at, gone, put]) => {
    const place = at % (whole.length + 1);
    return joined([whole.subarray(0, place), put, whole.subarray(place + gone)]);
  });
const message = shape({
  role: literal("assistant"),
  content: quoted,
  reasoning_content: quoted,
  refusal: literal(null),
  tool_calls: listOf(toolCall, 2),
});
const wholeChoice = shape({
  index: literal(0),
  message,
  finish_reason: literal(...REASONS, null),
  logprobs: fc.oneof({ weight: 4, arbitrary: literal(null, { content: [] }) }, { weight: 1, arbitrary: deep }),
});
const whole = fc
  .oneof(
    { weight: 4, arbitrary: shape({ choices: listOf(wholeChoice, 2), usage }) },
    { weight: 1, arbitrary: shape({ response: quoted, tool_calls: listOf(toolCall, 2), usage }) },
    { weight: 1, arbitrary: shape({ result: shape({ response: quoted }) }) },
    { weight: 1, arbitrary: any },
  )
  .map((held) => bytes.encode(held));

const sent = fc
  .record({
    body: fc.oneof(
      { weight: 4, arbitrary: streamed },
      { weight: 2, arbitrary: damaged },
      { weight: 1, arbitrary: almostEvents('{"choices":[', "[DONE]", '{"response":"x"}') },
      { weight: 4, arbitrary: whole },
    ),
    cuts: sizes,
    type: fc.oneof(
      { weight: 4, arbitrary: fc.constant("text/event-stream") },
      { weight: 3, arbitrary: fc.constant("application/json") },
      { weight: 1, arbitrary: fc.constantFrom("text/html", "", "TEXT/EVENT-STREAM; charset=x") },
    ),
    status: fc.oneof(
      { weight: 12, arbitrary: fc.constant(200) },
      { weight: 1, arbitrary: fc.integer({ min: 200, max: 599 }).filter((code) => ![204, 205, 304].includes(code)) },
      { weight: 1, arbitrary: fc.constantFrom(204, 205, 304) },
    ),
    retry: fc.constantFrom(null, null, "0", "-1", "x", "1e9", "Wed, 21 Oct 2099 07:28:00 GMT"),
    breaks: fc.oneof({ weight: 8, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  })
  .map((given) => ({
    ...given,
    [fc.toStringMethod]: () => JSON.stringify({ ...given, body: new TextDecoder().decode(given.body) }),
  }));

/** The model of a case: these bytes in these pieces; then the end, or the connection breaks. */
function model({ body, cuts, type, status, retry, breaks }) {
  return () => {
    const parts = pieces(body, cuts);
    const headers = { "content-type": type, ...(retry === null ? {} : { "retry-after": retry }) };
    if ([204, 205, 304].includes(status)) return new Response(null, { status, headers });
    const stream = new ReadableStream({
      pull(controller) {
        if (parts.length) return controller.enqueue(parts.shift());
        return breaks ? controller.error(new Error("canary-upstream")) : controller.close();
      },
    });
    return new Response(stream, { status, headers });
  };
}

/** The words of a stream, read in the simplest way up to its end; null where they are not plain text. */
function words(body) {
  let said = "";
  for (const frame of new TextDecoder()
    .decode(body)
    .replaceAll(/\r\n|\r/g, "\n")
    .split("\n\n")) {
    const lines = frame.split("\n").filter((line) => line.startsWith("data:") || line === "data");
    const data = lines.map((line) => line.slice(5).replace(/^ /, "")).join("\n");
    if (!lines.length) continue;
    if (data === "[DONE]") break;
    try {
      const chunk_ = JSON.parse(data);
      const held = Array.isArray(chunk_.choices) ? chunk_.choices[0]?.delta?.content : chunk_.response;
      if (held && typeof held !== "string") return null;
      said += held || "";
    } catch {
      break;
    }
  }
  return said;
}

function refused({ error, ...rest }, status) {
  assert.deepEqual(rest, {});
  assert.ok(Object.hasOwn(CODES, error.code), String(error.code));
  assert.notEqual(error.code, "internal_error");
  assert.equal(error.type, CODES[error.code][1]);
  if (status !== null) assert.equal(status, CODES[error.code][0]);
  assert.ok(!error.message.includes("canary"));
}

function wellFormedCalls(calls) {
  for (const call of calls ?? []) {
    assert.equal(typeof call.id, "string");
    assert.equal(typeof call.function.name, "string");
    assert.equal(typeof call.function.arguments, "string");
  }
}

async function plain(response, { body, type }) {
  const { object, choices, ...rest } = await response.json();
  assert.equal(object, "chat.completion");
  assert.equal(typeof rest.id, "string");
  assert.ok(rest.usage === undefined || typeof rest.usage === "object");
  assert.ok(choices.length > 0);
  for (const { index, message: given, finish_reason: reason } of choices) {
    assert.equal(typeof index, "number");
    assert.equal(given.role, "assistant");
    assert.ok(given.content === null || typeof given.content === "string");
    assert.ok(REASONS.includes(reason), String(reason));
    wellFormedCalls(given.tool_calls);
  }
  const told = JSON.parse(new TextDecoder().decode(body));
  const reply = told.result ?? told;
  const said = reply.choices?.[0]?.message?.content ?? reply.response;
  if (typeof said === "string" && said) assert.equal(choices[0].message.content, said, type);
}

async function stream(response, { body, type }) {
  const list = await chunks(response);
  assert.equal(list.pop(), "[DONE]");
  const error = list.at(-1)?.error ? list.pop() : null;
  if (error) refused(error, null);
  const ids = new Set();
  const finishes = [];
  const called = new Set();
  let said = "";
  for (const each of list) {
    ids.add(each.id);
    assert.equal(each.object, "chat.completion.chunk");
    for (const { index, delta: part, finish_reason: reason } of each.choices) {
      assert.equal(index, 0);
      assert.ok(part.content === undefined || part.content === null || typeof part.content === "string");
      said += part.content ?? "";
      for (const call of part.tool_calls ?? []) {
        assert.equal(typeof call.function.arguments, "string");
        assert.ok(call.function.name === undefined || typeof call.function.name === "string");
        assert.equal(typeof call.id, called.has(call.index) ? "undefined" : "string");
        called.add(call.index);
      }
      if (reason !== null) finishes.push(reason);
    }
  }
  assert.ok(ids.size <= 1);
  assert.equal(finishes.length, error ? 0 : 1);
  assert.ok(finishes.every((reason) => REASONS.includes(reason)));
  const told = type.includes("event-stream") ? words(body) : null;
  if (told !== null)
    assert.ok(error ? told.startsWith(said) : told === said, `${JSON.stringify(said)} of ${JSON.stringify(told)}`);
}

const check = async (response, asked, given) => {
  if (response.status !== 200) return refused(await response.json(), response.status);
  return asked ? stream(response, given) : plain(response, given);
};

const once = { fallback: { attempts_per_target: 1, base_delay_ms: 1, max_delay_ms: 1, deadline_ms: 5_000 } };
const cached = fc.boolean();

property(
  "whatever a model sends, its caller gets a whole answer or an error of the table",
  [sent, fc.boolean(), cached],
  async (given, asked, withCache) => {
    const { chat, settled } = harness({
      models: { one: model(given) },
      config: once,
      without: withCache ? [] : ["cache"],
    });
    await check(await chat(ask("x", { model: "lone", stream: asked })), asked, given);
    await settled();
  },
);

property(
  "a stream is whole if its end came, however it was split, and broken off if not",
  [
    fc.array(jsText, { minLength: 1, maxLength: 4 }),
    fc.constantFrom("reason", "done", "both", "none"),
    fc.constantFrom(...REASONS),
    sizes,
  ],
  async (texts, end, reason, cuts) => {
    const list = texts.map((held) => JSON.stringify({ choices: [{ delta: { content: held } }] }));
    if (["reason", "both"].includes(end))
      list.push(JSON.stringify({ choices: [{ delta: {}, finish_reason: reason }] }));
    if (["done", "both"].includes(end)) list.push("[DONE]");
    const body = bytes.encode(list.map((data) => `data: ${data}\n\n`).join(""));
    const given = { body, cuts, type: "text/event-stream", status: 200, retry: null, breaks: false };
    const { chat, settled } = harness({ models: { one: model(given) }, config: once });
    const response = await chat(ask("x", { model: "lone", stream: true }));
    const told = response.status === 200 ? await chunks(response) : [await response.json()];
    const errors = told.map((each) => each.error?.code).filter(Boolean);
    const finishes = told
      .flatMap((each) => each.choices?.map((choice_) => choice_.finish_reason) ?? [])
      .filter(Boolean);
    // A server of this shape tells its reason; [DONE] alone is what some say of a stream that was cut behind them.
    const whole = ["reason", "both"].includes(end);
    assert.deepEqual(errors, whole ? [] : ["stream_truncated"]);
    assert.deepEqual(finishes, whole ? [reason] : []);
    if (response.status === 200) assert.equal(textOf(told), texts.join(""));
    await settled();
  },
);

property("the same from a server that speaks OpenAI's protocol", [sent, fc.boolean()], async (given, asked) => {
  const config = {
    ...once,
    upstreams: { api: { type: "openai-compatible", base_url: "https://api.example/v1", secret: null } },
    models: { m: { targets: [{ ...target("x"), upstream: "api" }] } },
    aliases: {},
  };
  const kept = globalThis.fetch;
  globalThis.fetch = async () => model(given)();
  try {
    const { chat, settled } = harness({ config });
    await check(await chat(ask("x", { stream: asked })), asked, given);
    await settled();
  } finally {
    globalThis.fetch = kept;
  }
});

property(
  "what the binding throws becomes an error of the table",
  [
    fc.oneof(
      fc.string(),
      fc.integer({ min: 3000, max: 5999 }).map((code) => `AiError: ${code}: canary-upstream`),
    ),
    fc.constantFrom("error", "text", "nothing"),
  ],
  async (said, kind) => {
    const thrown = { error: new Error(said), text: said, nothing: undefined }[kind];
    const { chat } = harness({
      models: {
        one: () => {
          throw thrown;
        },
      },
      config: once,
    });
    const response = await chat(ask("x", { model: "lone" }));
    refused(await response.json(), response.status);
  },
);
