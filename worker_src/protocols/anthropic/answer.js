import { EdgeError } from "../../errors.js";
import { tokensOf } from "../chat.js";
import { isObject } from "../checks.js";

const REASONS = { stop: "end_turn", length: "max_tokens", tool_calls: "tool_use", function_call: "tool_use", content_filter: "refusal" };

/** Why it stopped, in Anthropic's words. Some models call tools and say no more than that they are done. */
export function stopReason(reason, { called, refused }) {
  if (refused) return "refusal";
  return called && reason === "stop" ? "tool_use" : REASONS[reason];
}

/**
 * Usage as Anthropic counts it: what was read from a cache is not part of the input.
 * @param {object|null} usage neutral, null where the model told none: then both are estimated
 * @param {{messages: object[]}} chat
 * @param {number} said tokens of the answer, estimated
 */
export function usageOf(usage, { messages }, said) {
  const { prompt_tokens: prompt = tokensOf(messages), completion_tokens: output = said, ...more } = usage ?? {};
  const { prompt_tokens_details: read, completion_tokens_details: spent } = more;
  const cached = Math.min(read?.cached_tokens ?? 0, prompt);
  const thought = spent?.reasoning_tokens;
  return {
    input_tokens: prompt - cached,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cached,
    output_tokens: output,
    ...(thought === undefined ? {} : { output_tokens_details: { thinking_tokens: thought } }),
  };
}

/** A message without its content; its id is new, unless it is of a run that was kept. */
export function head({ requested: model, kept }, usage) {
  const id = `msg_${kept?.id ?? crypto.randomUUID().replaceAll("-", "")}`;
  return { id, type: "message", role: "assistant", model, content: [], stop_reason: null, stop_sequence: null, usage };
}

/** A whole answer as `message`. */
export function encodeAnswer(answer, chat) {
  const { reasoning, refusal, tool_calls: calls, finish_reason: reason, edge } = answer;
  const texts = [answer.content, refusal].filter(Boolean);
  const content = [
    ...(chat.thinking && reasoning ? [{ type: "thinking", thinking: reasoning, signature: "" }] : []),
    ...texts.map((text) => ({ type: "text", text })),
    ...(calls ?? []).map(({ id, function: { name, arguments: text } }) => ({ type: "tool_use", id, name, input: inputOf(text, reason) })),
  ];
  return {
    ...head(chat, usageOf(answer.usage, chat, tokensOf(content))),
    content,
    stop_reason: stopReason(reason, { called: Boolean(calls?.length), refused: Boolean(refusal) }),
    ...(edge ? { edge } : {}),
  };
}

/**
 * The input of a tool. What was cut off is none.
 * @throws {EdgeError} upstream_error: it is no JSON object
 */
export function inputOf(text, reason) {
  const input = parsed(text || "{}");
  if (isObject(input)) return input;
  if (reason === "length") return {};
  throw new EdgeError("upstream_error", "The model called a tool with an input that is no JSON object.");
}

/** The value of a JSON text, undefined if it is none. */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
