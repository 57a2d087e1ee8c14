// Request bodies of every kind through the whole app: answered, or refused as the table of errors says, never a failure of ours.
import assert from "node:assert/strict";

import fc from "fast-check";

import { CODES } from "../../../worker_src/errors.js";
import { chunks, harness, textOf } from "../fixture.js";
import { jsonText, jsText, listOf, literal, mutated, objectText, pieces, property, sizes } from "../property.js";

const part = mutated({ type: literal("text", "image_url"), text: jsText.map((held) => JSON.stringify(held)) });
const call = mutated({
  id: literal("c1"),
  type: literal("function"),
  function: mutated({ name: literal("f"), arguments: literal("{}") }),
});
const message = mutated({
  role: literal("system", "user", "assistant", "tool", "developer"),
  content: fc.oneof(
    { weight: 4, arbitrary: jsText.map((held) => JSON.stringify(held)) },
    { weight: 1, arbitrary: listOf(part, 3) },
    { weight: 1, arbitrary: fc.constant("null") },
  ),
});
const caller = mutated({
  role: literal("assistant"),
  content: literal(null, "x"),
  tool_calls: listOf(call, 2),
  tool_call_id: literal("c1"),
  name: literal("n"),
});
const tool = mutated({
  type: literal("function"),
  function: mutated({
    name: literal("f"),
    description: literal("d"),
    parameters: jsonText("type", "properties", "required"),
  }),
});
const request = mutated({
  messages: fc.oneof(
    {
      weight: 6,
      arbitrary: fc
        .array(fc.oneof({ weight: 4, arbitrary: message }, { weight: 1, arbitrary: caller }), {
          minLength: 1,
          maxLength: 3,
        })
        .map((items) => `[${items.join(",")}]`),
    },
    { weight: 1, arbitrary: listOf(literal({ role: "user", content: "x" }), 25) },
  ),
  model: literal("m", "lone", "@cf/a/b", null, "nope", "__proto__", "constructor"),
  stream: literal(true, false, null),
  stream_options: literal({ include_usage: true }, { include_usage: 1 }, {}, null),
  temperature: literal(0, 1, 5, 6, null),
  top_p: literal(0.5, 1),
  max_tokens: literal(1, 0, 1.5, null),
  max_completion_tokens: literal(1, 1e21),
  n: literal(1, 2),
  seed: literal(1, -1),
  stop: literal("x", ["x"], [1]),
  tools: listOf(tool, 2),
  tool_choice: literal("auto", { type: "function", function: { name: "f" } }),
  response_format: literal({ type: "json_object" }, { type: "json_schema", json_schema: { schema: { const: null } } }),
  logprobs: literal(true, false),
  metadata: literal({ a: "b" }),
  user: literal("u"),
});
const spaced = fc
  .tuple(fc.constantFrom("", " ", "\n\t", "\uFEFF"), request, fc.constantFrom("", "\r\n", " x", "\u0000"))
  .map((held) => held.join(""));

/** Asserts that an answer is one that callers may get, and gives what its body says. */
async function allowed(response) {
  if (response.status === 200) return null;
  const { error, ...rest } = await response.json();
  const [status, type] = CODES[error.code] ?? [];
  assert.deepEqual([response.status, error.type, rest], [status, type, {}], error.code);
  assert.equal(typeof error.message, "string");
  assert.ok(error.param === null || typeof error.param === "string");
  assert.ok(status < 500, `${status} ${error.code}`);
  return error.code;
}

async function complete(response, streams) {
  if (!streams) return (await response.json()).choices[0].message.content;
  const list = await chunks(response);
  assert.equal(list.pop(), "[DONE]");
  return textOf(list);
}

const depth = (value) =>
  value === null || typeof value !== "object" ? 0 : 1 + Math.max(0, ...Object.values(value).map(depth));

/** A request's outcome is an answer to just what was sent, or a refusal. */
async function answered(body) {
  const { chat, calls, settled } = harness();
  const response = await chat(body);
  const code = await allowed(response);
  if (code === null) {
    const sent = JSON.parse(body.replace(/^\uFEFF/, ""));
    assert.ok(depth(sent) <= 64, "nested deeper than can be written");
    assert.equal(await complete(response, sent.stream === true), "fine");
    const given = sent.messages.map((held) =>
      held.content === undefined || held.content === null ? { ...held, content: "" } : held,
    );
    assert.equal(JSON.stringify(calls[0].inputs.messages), JSON.stringify(given));
  } else {
    assert.equal(calls.length, 0, `${code} after a call to the model`);
  }
  await settled();
}

property("a chat request with anything in any place is answered or refused", [spaced], answered);

property(
  "any JSON is answered or refused",
  [
    fc.oneof(
      jsonText("messages", "role", "content"),
      fc
        .array(fc.tuple(fc.constantFrom("messages", "model", "tools", "stream"), jsonText("role", "content", "type")), {
          maxLength: 6,
        })
        .map(objectText),
    ),
  ],
  answered,
);

property(
  "any bytes, in any pieces, are refused",
  [fc.uint8Array({ maxLength: 60 }), sizes, fc.boolean()],
  async (bytes, cuts, valid) => {
    const { chat, calls } = harness();
    const whole = valid ? new Uint8Array([...new TextEncoder().encode('{"messages": ['), ...bytes]) : bytes;
    const parts = pieces(whole, cuts);
    const code = await allowed(await chat(ReadableStream.from(parts)));
    assert.ok(["invalid_json", "invalid_request"].includes(code), code);
    assert.equal(calls.length, 0);
  },
);

const field = fc.constantFrom(
  "content-type",
  "content-encoding",
  "cache-control",
  "x-request-id",
  "x-edge-drill",
  "origin",
  "accept",
  "access-control-request-method",
  "access-control-request-headers",
);
const latin = fc.string({
  unit: fc
    .integer({ min: 0x20, max: 0xff })
    .filter((code) => code !== 0x7f)
    .map((code) => String.fromCharCode(code)),
  maxLength: 40,
});
const held = fc.oneof(
  latin,
  fc.constantFrom(
    "no-store",
    "max-age=0",
    "max-age=99999999999999999999",
    "no-cache=",
    "t=1,n=aaaaaaaa,fault=cut,sig=0",
    "__proto__=1,t=1",
    `t=1,n=aaaaaaaa,fault=constructor,sig=${"a".repeat(64)}`,
    "https://app.example",
    "POST",
  ),
);
const path = fc.oneof(
  { weight: 3, arbitrary: fc.constant("/v1/chat/completions") },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      "/v1/models",
      "/v1/models/m",
      "/health",
      "/.well-known/edgewright",
      "/",
      "//",
      "/v1/models/%E0%A4%A",
      "/v1/models/__proto__",
      "/v1/chat/completions/",
      "/V1/models",
    ),
  },
  { weight: 1, arbitrary: fc.webPath() },
  { weight: 1, arbitrary: jsText.map((name) => `/v1/models/${encodeURIComponent(name.toWellFormed())}`) },
);

property(
  "any path, method and headers are answered or refused",
  [
    path,
    fc.constantFrom("POST", "POST", "POST", "GET", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "PROPFIND"),
    fc.array(fc.tuple(field, held), { maxLength: 3 }),
    fc.boolean(),
  ],
  async (where, method, headers, valid) => {
    const { fetch, settled } = harness();
    const body = ["GET", "HEAD"].includes(method)
      ? undefined
      : valid
        ? { messages: [{ role: "user", content: "hi" }] }
        : "";
    const response = await fetch(where, { method, headers: Object.fromEntries(headers), body });
    if (method === "HEAD" || response.status === 204) assert.ok(response.status < 500);
    else await allowed(response);
    assert.match(
      response.headers.get("x-request-id") ?? (response.status === 204 ? "preflight" : ""),
      /^[A-Za-z0-9._-]{1,128}$/,
    );
    await settled();
  },
);
