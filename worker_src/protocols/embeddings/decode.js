import { able } from "../../capabilities/able.js";
import { EdgeError } from "../../errors.js";
import { checkLength, checkSettings, resolve } from "../chat.js";
import { isAbsent, wrong } from "../checks.js";
import { readVectors } from "./vectors.js";

/** Most texts of one request, as OpenAI has it; a model may take fewer. */
const MOST_TEXTS = 2_048;
const ENCODINGS = ["float", "base64"];

/**
 * A request for embeddings as a neutral one that asks for vectors: `texts` are to be turned into them, and stand as messages too, for the
 * steps that count and compare; `read` reads what a model makes of them. What else is in the body goes to the model untouched.
 * @param {object} body
 * @param {object} config
 * @param {{models: string[]|null}} caller
 * @throws {EdgeError} invalid_request, unsupported_parameter, model_not_found, model_not_allowed, context_length_exceeded
 */
export function decode(body, config, caller) {
  const { model: requested, input, encoding_format: encoding, conversation = null, stream: _, ...settings } = body;
  const { dimensions } = settings;
  const texts = textsOf(input);
  if (!isAbsent(encoding) && !ENCODINGS.includes(encoding)) throw wrong("encoding_format", `must be one of ${ENCODINGS.join(", ")}`);
  if (!isAbsent(dimensions) && !(Number.isInteger(dimensions) && dimensions > 0)) throw wrong("dimensions", "must be a whole number of at least 1");
  checkSettings(settings); // limits and reports read some of them, whatever asks
  const model = resolve(requested, config, caller);
  const messages = texts.map((content) => ({ role: "user", content }));
  checkLength(messages, config.limits.max_input_tokens, "input");
  const request = { model, requested: requested ?? model, targets: config.models[model].targets, texts, messages, settings };
  return { ...request, targets: able(request), read: readVectors, encoding: encoding ?? "float", stream: false, include_usage: false, conversation };
}

function textsOf(input) {
  const texts = typeof input === "string" ? [input] : input;
  if (!Array.isArray(texts)) throw wrong("input", "must be a string or a list of strings");
  if (texts.length === 0 || texts.length > MOST_TEXTS) throw wrong("input", `must hold 1 to ${MOST_TEXTS} texts`);
  texts.forEach((text, place) => {
    const at = typeof input === "string" ? "input" : `input[${place}]`;
    if (typeof text === "number" || Array.isArray(text)) {
      throw new EdgeError("unsupported_parameter", `'${at}' is of tokens: only a model's own tokenizer reads them. Send the text.`, { param: at });
    }
    if (typeof text !== "string") throw wrong(at, "must be a string");
    if (text === "") throw wrong(at, "must not be empty");
  });
  return texts;
}
