// Anthropic's Messages: bodies of every kind are answered or refused, and blocks are told one after the other in whatever order a model writes.
import assert from "node:assert/strict";

import fc from "fast-check";

import { CODES } from "../../../worker_src/errors.js";
import { anthropic } from "../../../worker_src/protocols/anthropic/protocol.js";
import { harness } from "../fixture.js";
import { jsText, jsonText, listOf, literal, mutated, property } from "../property.js";

const text = mutated({ type: literal("text"), text: jsText.map((held) => JSON.stringify(held)) });
const source = fc.oneof(
  mutated({ type: literal("base64"), media_type: literal("image/png"), data: literal("aGk=") }),
  mutated({ type: literal("url"), url: literal("https://x.example/a") }),
);
const image = mutated({ type: literal("image"), source });
const call = mutated({ type: literal("tool_use"), id: literal("t1"), name: literal("f"), input: literal({}, { a: 1 }) });
const result = mutated({
  type: literal("tool_result"),
  tool_use_id: literal("t1"),
  content: fc.oneof(literal("x"), listOf(fc.oneof(text, image), 2)),
  is_error: literal(true, false, null),
});
const thought = literal({ type: "thinking", thinking: "x", signature: "" }, { type: "redacted_thinking", data: "x" });
const turn = (role, block) =>
  mutated({ role: literal(role), content: fc.oneof(jsText.map((held) => JSON.stringify(held)), listOf(block, 3)) });
const message = fc.oneof(turn("user", fc.oneof(text, image, result)), turn("assistant", fc.oneof(text, thought, call)), turn("system", text));
const tool = mutated({ name: literal("f"), type: literal("custom", null), input_schema: literal({ type: "object" }) });
const base = { model: literal("m"), max_tokens: literal(1), messages: fc.array(message, { minLength: 1, maxLength: 3 }).map((items) => `[${items.join(",")}]`) };
const settings = {
  system: fc.oneof(literal("x", null), listOf(text, 2)),
  stream: literal(true, false, null),
  top_k: literal(1, null),
  stop_sequences: literal([], ["x"], null),
  metadata: literal({ user_id: "u" }, {}, null),
  tools: fc.array(tool, { minLength: 1, maxLength: 2 }).map((items) => `[${items.join(",")}]`),
  tool_choice: mutated({ type: literal("auto", "any", "tool"), name: literal("f") }),
  thinking: mutated({ type: literal("adaptive", "disabled") }),
  output_config: mutated({ effort: literal("low"), format: mutated({ type: literal("json_schema"), schema: literal({}) }) }),
};
const request = fc.oneof(mutated(base), mutated({ ...base, ...settings }));

property("a request with anything in any place is answered or refused", [request, fc.constantFrom("", "/count_tokens")], async (body, page) => {
  const { fetch, calls, settled } = harness({ protocols: { anthropic } });
  const response = await fetch(`/v1/messages${page}`, { method: "POST", body });
  const told = await response.text();
  if (response.status === 200) return settled();
  const { type, error, request_id: id } = JSON.parse(told);
  const code = error.details.param === "thread" ? "unsupported_parameter" : error.details.error_code;
  assert.deepEqual([type, response.status, id], ["error", CODES[code][0], response.headers.get("request-id")]);
  assert.ok(response.status < 500, told);
  assert.equal(calls.length, 0);
  return settled();
});

/** Pieces of calls, text and thoughts in an order of a model's own. */
const written = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant("tool_call"), index: fc.nat(3), size: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ type: fc.constantFrom("delta", "reasoning"), text: fc.constantFrom("", "a", "bc ") }),
  ),
  { maxLength: 30 },
);

property("whatever a model writes in whatever order comes as whole blocks, one after the other", [written], async (pieces) => {
  const inputs = new Map();
  const said = { text: "", thinking: "" };
  const events = pieces.flatMap((piece) => {
    if (piece.type !== "tool_call") {
      said[piece.type === "delta" ? "text" : "thinking"] += piece.text;
      return [piece];
    }
    const { type, index, size } = piece;
    const first = !inputs.has(index);
    if (first) inputs.set(index, { left: JSON.stringify({ index, list: [1, "x{}"] }), whole: JSON.stringify({ index, list: [1, "x{}"] }) });
    const held = inputs.get(index);
    const part = held.left.slice(0, size);
    held.left = held.left.slice(size);
    return [{ type, index, ...(first ? { id: `c${index}`, name: "f" } : {}), arguments: part }];
  });
  for (const [index, { left }] of inputs) events.push({ type: "tool_call", index, arguments: left });
  const encoder = anthropic.encoder({ requested: "m", messages: [], thinking: true });
  const frames = [...events, { type: "finish", reason: "stop" }].map((event) => encoder.encode(event)).join("") + encoder.end;
  const list = frames.split("\n\n").filter(Boolean).map((frame) => JSON.parse(frame.split("\ndata: ")[1]));
  const made = [];
  let open = false;
  for (const { type, index, content_block: block, delta } of list.slice(1, -2)) {
    assert.equal(open, type !== "content_block_start");
    if (type === "content_block_start") made.push({ ...block, told: "" });
    if (type === "content_block_delta") made[index].told += Object.values(delta)[1];
    open = type !== "content_block_stop";
    assert.equal(index, made.length - 1);
  }
  assert.equal(open, false);
  assert.deepEqual([list[0].type, list.at(-2).type, list.at(-1).type], ["message_start", "message_delta", "message_stop"]);
  const joined = (kind) => made.filter(({ type }) => type === kind).map(({ told }) => told).join("");
  assert.deepEqual({ text: joined("text"), thinking: joined("thinking") }, said);
  const called = Object.fromEntries(made.filter(({ type }) => type === "tool_use").map(({ id, told }) => [id, told]));
  assert.deepEqual(called, Object.fromEntries([...inputs].map(([index, { whole }]) => [`c${index}`, whole])));
});
