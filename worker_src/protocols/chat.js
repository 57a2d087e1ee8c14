import { able } from "../capabilities/able.js";
import { EdgeError } from "../errors.js";
import { TOOL, checkFields, isAbsent, isFlag, isName, isObject, isText, wrong } from "./checks.js";

/**
 * The neutral chat request that every protocol decodes into, with OpenAI's chat completion as its base:
 * `{model, requested, targets, messages, settings, stream, include_usage, conversation, run?, turn?, store?, onward?, told?}`; `settings` holds everything
 * else that the model is to be told (temperature, tools, response_format, ...), untouched; `targets` are those that can do what is asked. A request
 * that has `texts` is no chat: it asks for their vectors, and says how to `read` them (protocols/embeddings).
 *
 * A front end that holds the talk itself names its run, `run: {threadId, runId, version}`, and says what its messages are, `turn: {agent, own, ids,
 * leaving}`: the first `own` of them are the stack's, the others have the client's `ids`; `leaving` is what becomes of the run when its caller leaves,
 * where nobody says otherwise.
 *
 * `store`: true keeps the answer as a turn of a conversation of its own where none is named, false keeps none. `onward`, `{follows, instructions}`, is of
 * a turn whose messages are all new: the run that it goes on from (null: whichever is the last), and instructions for this turn alone; `told` is kept
 * with its run for who reads it again.
 *
 * Neutral answers are `{content, reasoning, tool_calls, refusal, finish_reason, usage, vectors?}`. Neutral stream events:
 * `{type: "delta", text, logprobs?}`, `{type: "vectors", vectors}`, `{type: "reasoning", text}`, `{type: "refusal", text}`,
 * `{type: "tool_call", index, id?, name?, arguments?}`, `{type: "usage", usage}`, `{type: "history", messages}` (a front end's own, before a replay),
 * `{type: "finish", reason, edge?}`, `{type: "error", error}`; `edge` tells of a switch to another target within the answer, `{switched, attempts,
 * legs: [{target, usage, estimated}]}`.
 */
const ROLES = new Set(["system", "developer", "user", "assistant", "tool", "function"]);

const RANGES = {
  temperature: [0, 5],
  top_p: [0, 2],
  presence_penalty: [-2, 2],
  frequency_penalty: [-2, 2],
};

const COUNTS = ["max_tokens", "max_completion_tokens", "n", "top_logprobs", "seed"];
const AT_LEAST_ONE = ["max_tokens", "max_completion_tokens", "n"];

/** Kinds of further settings: what they must be, and in words. */
const KINDS = {
  response_format: [(value) => isText(value?.type), "an object with a type"],
  stop: [(value) => isText(value) || (Array.isArray(value) && value.every(isText)), "a string or a list of strings"],
  tool_choice: [(value) => isText(value) || isText(value.type), "a string or an object with a type"],
  logit_bias: [isObject, "an object"],
  logprobs: [isFlag, "true or false"],
  parallel_tool_calls: [isFlag, "true or false"],
  functions: [(value) => Array.isArray(value) && value.every(isObject), "a list of objects"],
  reasoning_effort: [isText, "a string"],
  service_tier: [isText, "a string"],
  user: [isText, "a string"],
  safety_identifier: [isText, "a string"],
  metadata: [isObject, "an object"],
};

/** The same of how an answer comes. */
const ASKED = { stream: [isFlag, "true or false"], stream_options: [isObject, "an object"] };

/** The same of what a message holds beside its role and content. */
const FIELDS = {
  tool_calls: [(value) => Array.isArray(value) && value.every(isObject), "a list of objects"],
  tool_call_id: [isText, "a string"],
  name: [isText, "a string"],
  refusal: [isText, "a string"],
};

/** What a part holds in the field that is called like its type. */
const PARTS = {
  text: [isText, "a string"],
  refusal: [isText, "a string"],
  image_url: [(value) => isText(value?.url), "an object with a url"],
  input_audio: [isObject, "an object"],
};

/**
 * @param {object} body parsed JSON of an OpenAI chat request
 * @param {object} config
 * @param {{models: string[]|null}} caller
 * @throws {EdgeError} invalid_request, unsupported_parameter, context_length_exceeded, model_not_found, model_not_allowed
 */
export function chatRequest(body, config, caller) {
  const { model: requested, messages, stream, stream_options: streamOptions, conversation, ...settings } = body;
  checkMessages(messages, config.limits.max_messages);
  checkSettings(settings);
  checkFields(body, ASKED);
  if (stream === true && settings.n > 1) throw wrong("n", "must be 1 in a stream");
  const name = resolve(requested, config, caller);
  checkLength(messages, config.limits.max_input_tokens, "messages");
  const asked = { model: name, targets: config.models[name].targets, messages, settings: capped(settings, config.limits.max_output_tokens) };
  return {
    ...asked,
    requested: requested ?? name,
    targets: able(asked),
    stream: stream === true,
    include_usage: streamOptions?.include_usage === true,
    conversation: conversationOf(conversation, config),
  };
}

/**
 * The public name of the model that a request asks for.
 * @throws {EdgeError} invalid_request, model_not_found, model_not_allowed
 */
export function resolve(requested, config, caller) {
  const asked = requested ?? config.default_model;
  if (asked === null) throw wrong("model", "is missing");
  if (typeof asked !== "string") throw wrong("model", "must be a string");
  const name = Object.hasOwn(config.aliases, asked) ? config.aliases[asked] : asked;
  if (!Object.hasOwn(config.models, name)) {
    throw new EdgeError("model_not_found", `The model '${asked.slice(0, 128)}' does not exist.`, { param: "model" });
  }
  if (caller.models && !caller.models.includes(name)) {
    throw new EdgeError("model_not_allowed", `This key may not use the model '${asked}'.`, { param: "model" });
  }
  return name;
}

/** The id of a conversation, given as a text or as `{id}`; null if none is. */
function conversationOf(given, { features }) {
  if (isAbsent(given)) return null;
  if (!features.includes("sessions")) {
    throw new EdgeError("unsupported_parameter", "Conversations are off on this proxy.", { param: "conversation" });
  }
  const id = isText(given) ? given : given.id;
  if (!isText(id)) throw wrong("conversation", "must be a string or an object with an id");
  return id;
}

/** The caller's own name of the user that a request is for, null if there is none. */
export const userOf = ({ settings }) => settings.safety_identifier || settings.user || null;

/** About how many characters a token has (OpenAI's rule of thumb for English). */
export const CHARACTERS_A_TOKEN = 4;

/** How many tokens a list of messages has, estimated. */
export const tokensOf = (messages) => Math.ceil(JSON.stringify(messages).length / CHARACTERS_A_TOKEN);

/** The settings that a model reads beside the messages: tools, schemas. */
export const extrasOf = ({ settings }) => Object.values(settings).filter((value) => value !== null && typeof value === "object");

/** @throws {EdgeError} context_length_exceeded, of what the caller knows as `param` */
export function checkLength(messages, most, param) {
  if (most === null) return;
  const tokens = tokensOf(messages);
  if (tokens <= most) return;
  throw new EdgeError("context_length_exceeded", `'${param}' has about ${tokens} tokens; ${most} are allowed here.`, { param });
}

/** Settings that bound the answer, whether the request does or not. */
function capped(settings, most) {
  if (most === null) return settings;
  const bounds = ["max_tokens", "max_completion_tokens"];
  for (const name of bounds) if (settings[name] * (settings.n ?? 1) > most) throw wrong(name, `times n must be at most ${most} here`);
  if (settings.n > 1 && !bounds.some((name) => settings[name])) throw wrong("n", "needs max_tokens here");
  return bounds.some((name) => settings[name]) ? settings : { ...settings, max_tokens: most };
}

function checkMessages(messages, most) {
  if (!Array.isArray(messages)) throw wrong("messages", "must be a list");
  if (messages.length === 0) throw wrong("messages", "must hold at least one message");
  if (messages.length > most) throw wrong("messages", `must hold at most ${most} messages`);
  messages.forEach(checkMessage);
}

function checkMessage(message, index) {
  const at = `messages[${index}]`;
  if (message === null || typeof message !== "object" || Array.isArray(message)) throw wrong(at, "must be an object");
  if (!ROLES.has(message.role)) throw wrong(`${at}.role`, `must be one of ${[...ROLES].join(", ")}`);
  const { content, tool_calls: calls } = message;
  checkFields(message, FIELDS, `${at}.`);
  if (typeof content === "string") return;
  if (Array.isArray(content)) return content.forEach((part, place) => checkPart(part, `${at}.content[${place}]`));
  const silent = message.role === "assistant" && (calls || message.function_call || message.refusal);
  if (!silent || !isAbsent(content)) throw wrong(`${at}.content`, "must be a string or a list of parts");
  return undefined;
}

function checkPart(part, at) {
  if (!isText(part?.type)) throw wrong(at, "must be an object with a type");
  const [fits, words] = Object.hasOwn(PARTS, part.type) ? PARTS[part.type] : [() => true];
  if (!fits(part[part.type])) throw wrong(`${at}.${part.type}`, `must be ${words}`);
}

/** @throws {EdgeError} invalid_request: a setting that is known and not as it must be */
export function checkSettings(settings) {
  for (const [name, [low, high]] of Object.entries(RANGES)) {
    const value = settings[name];
    if (isAbsent(value)) continue;
    if (typeof value !== "number" || !(value >= low && value <= high)) throw wrong(name, `must be a number from ${low} to ${high}`);
  }
  for (const name of COUNTS) {
    if (!isAbsent(settings[name]) && !Number.isInteger(settings[name])) throw wrong(name, "must be a whole number");
  }
  for (const name of AT_LEAST_ONE) {
    if (settings[name] < 1 && !isAbsent(settings[name])) throw wrong(name, "must be at least 1");
    // Larger ones are no numbers that limits could count with.
    if (settings[name] > Number.MAX_SAFE_INTEGER) throw wrong(name, `must be at most ${Number.MAX_SAFE_INTEGER}`);
  }
  checkFields(settings, KINDS);
  if (!isAbsent(settings.tools)) checkTools(settings.tools);
  checkChoice(settings);
}

function checkTools(tools) {
  if (!Array.isArray(tools)) throw wrong("tools", "must be a list");
  tools.forEach((tool, index) => {
    if (tool?.type !== "function" || !isName(tool.function?.name)) throw wrong(`tools[${index}]`, "must be {type: 'function', function: {name, ...}}");
    checkFields(tool.function, TOOL, `tools[${index}].function.`);
  });
}

/** A model cannot call what it is not given. */
function checkChoice({ tools, tool_choice: choice }) {
  if (choice?.type !== "function") return;
  const name = choice.function?.name;
  if (!(tools ?? []).some((tool) => tool.function.name === name)) throw wrong("tool_choice", "must name one of the tools");
}
