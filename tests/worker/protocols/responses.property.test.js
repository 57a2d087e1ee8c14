// Bodies of every kind for responses and completions: answered, or refused with a field's name, never a failure of ours.
import assert from "node:assert/strict";

import fc from "fast-check";

import { completions } from "../../../worker_src/protocols/completions/protocol.js";
import { responses } from "../../../worker_src/protocols/responses/protocol.js";
import { harness } from "../fixture.js";
import { jsText, jsonText, listOf, literal, mutated, property } from "../property.js";

const text = jsText.map((held) => JSON.stringify(held));
const part = mutated({
  type: literal("input_text", "output_text", "refusal", "input_image", "input_file", "input_audio", "__proto__", "toString"),
  text,
  refusal: literal("no"),
  image_url: literal("https://x/y.png"),
  detail: literal("low", null),
  file_data: literal("data:x"),
  input_audio: literal({ data: "", format: "wav" }, null),
});
const content = fc.oneof({ weight: 2, arbitrary: text }, { weight: 3, arbitrary: listOf(part, 3) });
const message = mutated({ type: literal("message"), role: literal("user", "assistant", "system", "developer", "valueOf"), content });
const call = mutated({ type: literal("function_call"), call_id: literal("c1"), name: literal("f"), arguments: literal("{}") });
const output = mutated({ type: literal("function_call_output"), call_id: literal("c1"), output: content });
const other = mutated({ type: literal("reasoning", "item_reference", "__proto__"), id: literal("rs_1"), summary: literal([]) });
const input = fc.oneof({ weight: 1, arbitrary: text }, { weight: 4, arbitrary: listOf(fc.oneof(message, call, output, other), 4) });
const tool = mutated({ type: literal("function"), name: literal("f"), description: literal("d", null), parameters: jsonText("type"), strict: literal(true, null) });
const format = mutated({ type: literal("text", "json_object", "json_schema"), name: literal("n"), schema: jsonText("type"), strict: literal(true) });
const fields = {
  model: literal("m", null, "nope"),
  instructions: literal("Brief.", "", null),
  tools: listOf(tool, 2),
  tool_choice: literal("auto", "none", "required", { type: "function", name: "f" }, null),
  text: mutated({ format, verbosity: literal("low", null) }),
  reasoning: literal({ effort: "low" }, {}, null),
  max_output_tokens: literal(1, 16, null),
  store: literal(true, false, null),
  stream: literal(true, false, null),
  metadata: literal({ a: "b" }, null),
  conversation: literal("talk", { id: "talk" }, {}, [], null),
  previous_response_id: literal(null, "resp_1", `resp_${"0".repeat(32)}_talk`),
};
/** Many bodies with one field beside the input, which are answered more often, and some with all. */
const one = fc.constantFrom(...Object.keys(fields)).chain((key) => fields[key].map((value) => `"${key}":${value}`));
const asked = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(input, one).map(([given, field]) => `{"input":${given},${field}}`) },
  { weight: 1, arbitrary: mutated({ input, ...fields }) },
);
const completing = mutated({
  prompt: fc.oneof(text, listOf(text, 2)),
  stream: literal(true, false, null),
  stream_options: literal({ include_usage: true }, null),
  max_tokens: literal(1, null),
  n: literal(1, 2),
  echo: literal(false, true),
  suffix: literal(null, "x"),
});

const kept = { including: ["sessions", "kept_responses"] };
for (const [name, path, body, more] of [
  ["responses", "/v1/responses", asked, {}],
  ["responses that may be kept", "/v1/responses", asked, kept],
  ["completions", "/v1/completions", completing, {}],
]) {
  property(`any body for ${name} is answered, or refused`, [body], async (given) => {
    const proxy = harness({ protocols: { responses, completions }, ...more });
    const response = await proxy.fetch(path, { method: "POST", body: given });
    const said = await response.text();
    assert.ok(response.status < 500, `${response.status} ${said}`);
    if (response.status === 200) return assert.ok(said.length > 0 && !said.includes("internal_error"));
    const { error } = JSON.parse(said);
    assert.equal(error.type, "invalid_request_error");
    return assert.ok(error.param !== undefined);
  });
}
