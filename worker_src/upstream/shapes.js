import { UpstreamFailure } from "./failure.js";

/** Reads what models send, OpenAI's shape or Workers AI's older `{response}`, into neutral answers and events. */

const text = (value) => (typeof value === "string" ? value : value === null || value === undefined ? "" : JSON.stringify(value));

/** Models' own words for an end, as OpenAI names them. */
const FINISHES = {
  stop: "stop", length: "length", tool_calls: "tool_calls", content_filter: "content_filter", function_call: "function_call",
  max_tokens: "length", model_length: "length",
  safety: "content_filter", recitation: "content_filter", blocklist: "content_filter", prohibited_content: "content_filter",
};

/** What is no end but a failure. */
const BROKEN = new Set(["error", "abort", "aborted", "cancelled", "timeout", "insufficient_system_resource"]);

/** A finish reason as OpenAI names it; an unknown word for an end is a stop, null is none. */
function finish(reason) {
  if (reason === null || reason === undefined) return null;
  const word = String(reason).toLowerCase();
  if (BROKEN.has(word)) throw new UpstreamFailure("unavailable");
  return Object.hasOwn(FINISHES, word) ? FINISHES[word] : "stop";
}

/** Usage with its counts only, the details one level down, and a total that is one; null where there is none to believe. */
function usageOf(given, levels = 1) {
  if (given === null || typeof given !== "object" || Array.isArray(given)) return null;
  const kept = {};
  for (const [name, value] of Object.entries(given)) {
    if (value < 0) return null;
    if (Number.isFinite(value)) kept[name] = value;
    else if (levels > 0 && name.endsWith("_details")) kept[name] = usageOf(value, levels - 1) ?? {};
  }
  const { prompt_tokens: prompt, completion_tokens: completion } = kept;
  if (prompt !== undefined && completion !== undefined) kept.total_tokens = prompt + completion;
  return kept;
}

const index = (given) => (Number.isInteger(given) && given >= 0 && given < 128 ? given : 0);

/** A tool call's own id, or a new one where it has none that callers could send back. */
const callId = (given) => (typeof given === "string" && given ? given : `call_${crypto.randomUUID().replaceAll("-", "").slice(0, 24)}`);

function toolCalls(calls) {
  return (Array.isArray(calls) ? calls : []).filter(Boolean).map((call) => {
    const named = call.function ?? call;
    if (typeof named.name !== "string") throw new UpstreamFailure("malformed");
    return {
      id: callId(call.id),
      type: "function",
      function: { name: named.name, arguments: text(named.arguments ?? {}) },
    };
  });
}

/** Whether a reply, or an event of one, tells an error: OpenAI's form, Cloudflare's, vLLM's, or a bare message. */
const isError = ({ error, errors, object, message, choices, response }) =>
  Boolean(error || errors?.length || object === "error" || (typeof message === "string" && !choices && response === undefined));

/** The finish of an answer in the shape that tells none: by its tokens it was cut off at the bound that was asked for, or is whole. */
function untold(called, usage, { max_tokens: most, max_completion_tokens: newer } = {}) {
  if (called) return "tool_calls";
  return usage?.completion_tokens >= (most ?? newer ?? Infinity) ? "length" : "stop";
}

/**
 * A whole answer.
 * @param {unknown} body the parsed reply, with or without Cloudflare's `{result}` around it
 * @param {{settings?: object}} [chat] what was asked
 * @throws {UpstreamFailure} malformed
 */
export function readAnswer(body, { settings } = {}) {
  const reply = body?.result ?? body;
  if (reply && isError(reply)) throw new UpstreamFailure("unavailable");
  if (Array.isArray(reply?.choices) && reply.choices.length) return fromChoices(reply);
  if (reply && typeof reply === "object" && ("response" in reply || reply.tool_calls)) return fromResponse(reply, settings);
  throw new UpstreamFailure("malformed");
}

/** What an upstream calls the model that answered: a name and no text, else null. */
const modelName = (model) => (typeof model === "string" && /^[\w@][\w@.:/-]{0,127}$/.test(model) ? model : null);

/** The model of a whole answer, null if it is not told. */
export const modelOf = (body) => modelName((body?.result ?? body)?.model);

function fromChoices({ choices, usage }) {
  const read = choices.map(oneChoice);
  const answer = { ...read[0], usage: usageOf(usage) };
  // Several choices, or log probabilities, are passed on beside it: the neutral answer holds one plain text.
  if (choices.length > 1 || choices[0].logprobs) answer.choices = read.map((held, place) => whole(held, choices[place], place));
  return answer;
}

function oneChoice(choice) {
  const { message, finish_reason: reason } = choice ?? {};
  if (!message || typeof message !== "object") throw new UpstreamFailure("malformed");
  const calls = toolCalls(message.tool_calls);
  return {
    content: message.content === null || message.content === undefined ? (calls.length ? null : "") : text(message.content),
    reasoning: text(message.reasoning_content ?? message.reasoning) || null,
    refusal: text(message.refusal) || null,
    tool_calls: calls,
    finish_reason: finish(reason) ?? (calls.length ? "tool_calls" : "stop"),
  };
}

/** A choice as OpenAI writes it. */
function whole({ content, reasoning, refusal, tool_calls: calls, finish_reason: reason }, { logprobs }, place) {
  const message = { role: "assistant", content, refusal };
  if (reasoning) message.reasoning_content = reasoning;
  if (calls.length) message.tool_calls = calls;
  return { index: place, message, logprobs: logprobs ?? null, finish_reason: reason };
}

function fromResponse({ response, tool_calls: given, usage: told }, settings) {
  const calls = toolCalls(given);
  const usage = usageOf(told);
  return {
    content: calls.length && !response ? null : text(response),
    reasoning: null,
    refusal: null,
    tool_calls: calls,
    finish_reason: untold(calls.length > 0, usage, settings),
    usage,
  };
}

/** A whole answer as the events a stream of it would have had, for models that do not stream. */
export function answerEvents(answer) {
  const events = [];
  if (answer.reasoning) events.push({ type: "reasoning", text: answer.reasoning });
  if (answer.content) events.push({ type: "delta", text: answer.content });
  if (answer.vectors) events.push({ type: "vectors", vectors: answer.vectors });
  if (answer.refusal) events.push({ type: "refusal", text: answer.refusal });
  answer.tool_calls?.forEach((call, place) =>
    events.push({ type: "tool_call", index: place, id: call.id, name: call.function.name, arguments: call.function.arguments }),
  );
  events.push({ type: "finish", reason: answer.finish_reason });
  if (answer.usage) events.push({ type: "usage", usage: answer.usage });
  return events;
}

/**
 * Reads the `data` of one stream into neutral events. The finish and usage are held back to the end, so that each is
 * sent once, however often a model repeats it.
 */
export class EventReader {
  #finish = null;
  #settings;
  #called = false;
  /** Whether the model speaks OpenAI's shape, whose streams tell a finish reason. */
  #chosen = false;
  #ids = new Map();
  /** What has come of calls before their names, by their places: clients learn a call's name with its beginning. */
  #unnamed = new Map();
  ended = false;
  /** The model that answers, as its upstream calls it. */
  model = null;
  /** The last usage that the model told, null if none. */
  usage = null;
  /** How many events of an answer came. */
  pieces = 0;

  /** @param {object} [settings] of the chat that is answered */
  constructor(settings) {
    this.#settings = settings;
  }

  /**
   * @param {string[]} payloads the data of events
   * @returns {object[]} neutral events; what comes after [DONE] is not read
   * @throws {UpstreamFailure} malformed; or the kind of an error that the stream carries
   */
  readAll(payloads) {
    const events = [];
    for (const data of payloads) {
      if (this.ended) break;
      for (const event of this.#read(data)) events.push(event);
    }
    this.pieces += events.length;
    return events;
  }

  #read(data) {
    if (data === "[DONE]") {
      this.ended = true;
      return [];
    }
    let chunk;
    try {
      chunk = JSON.parse(data);
    } catch {
      throw new UpstreamFailure("malformed");
    }
    if (chunk === null || typeof chunk !== "object") throw new UpstreamFailure("malformed");
    if (isError(chunk)) throw new UpstreamFailure("unavailable");
    this.model ??= modelName(chunk.model);
    if (chunk.usage) this.usage = usageOf(chunk.usage) ?? this.usage;
    if (!Array.isArray(chunk.choices)) return this.#response(chunk);
    this.#chosen = true;
    // One answer was asked for: a second choice is none of its text.
    return this.#choice(chunk.choices.find((choice) => choice && !choice.index));
  }

  /** The events that close the stream: one finish, then usage if it is known. */
  close() {
    const events = [{ type: "finish", reason: this.reason }];
    if (this.usage) events.push({ type: "usage", usage: this.usage });
    return events;
  }

  /** Why the model has finished, null if it has not said so. */
  get reason() {
    return this.#finish ?? (this.complete ? untold(this.#called, this.usage, this.#settings) : null);
  }

  /** Whether the model said that it has finished, by a reason or by [DONE] in the shape that knows no reasons; a call without a name is not whole. */
  get complete() {
    return this.#unnamed.size === 0 && (this.#finish !== null || (this.ended && !this.#chosen));
  }

  #choice(choice) {
    if (!choice) return [];
    if (choice.finish_reason) this.#finish = finish(choice.finish_reason);
    const delta = choice.delta ?? choice.message ?? {};
    const events = [];
    const reasoning = delta.reasoning_content ?? delta.reasoning;
    if (reasoning) events.push({ type: "reasoning", text: text(reasoning) });
    if (delta.refusal) events.push({ type: "refusal", text: text(delta.refusal) });
    if (delta.content) events.push({ type: "delta", text: text(delta.content), ...(choice.logprobs ? { logprobs: choice.logprobs } : {}) });
    for (const call of Array.isArray(delta.tool_calls) ? delta.tool_calls : []) if (call) events.push(...this.#toolCall(call));
    return events;
  }

  /** Where a part of a call belongs: some servers give every call the same index, or none. What has no name begins no call. */
  #place(given, id, name) {
    const place = index(given);
    const known = this.#ids.get(place);
    if (known === undefined || typeof id !== "string" || id === "" || id === known) return place;
    const other = [...this.#ids].find(([, each]) => each === id);
    if (other) return other[0];
    return typeof name === "string" ? this.#ids.size : place;
  }

  #toolCall({ index: given, id, function: named }) {
    this.#called = true;
    const place = this.#place(given, id, named?.name);
    if (!this.#ids.has(place)) {
      this.#ids.set(place, callId(id));
      this.#unnamed.set(place, "");
    }
    const fragment = text(named?.arguments);
    if (!this.#unnamed.has(place)) return [{ type: "tool_call", index: place, arguments: fragment }];
    const held = this.#unnamed.get(place) + fragment;
    if (typeof named?.name !== "string" || named.name === "") {
      this.#unnamed.set(place, held);
      return [];
    }
    this.#unnamed.delete(place);
    return [{ type: "tool_call", index: place, id: this.#ids.get(place), name: named.name, arguments: held }];
  }

  #response(chunk) {
    const events = [];
    if (chunk.response) events.push({ type: "delta", text: text(chunk.response) });
    toolCalls(chunk.tool_calls).forEach((call, place) => {
      this.#called = true;
      events.push({ type: "tool_call", index: place, id: call.id, name: call.function.name, arguments: call.function.arguments });
    });
    return events;
  }
}

