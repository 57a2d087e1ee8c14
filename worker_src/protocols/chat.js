import { EdgeError } from "../errors.js";

/**
 * The neutral chat request that every protocol decodes into, with OpenAI's chat completion as its base:
 * `{model, requested, targets, messages, settings, stream, include_usage, conversation, run?, turn?}`; `settings` holds everything else
 * that the model is to be told (temperature, tools, response_format, ...), untouched. A front end that holds the talk itself names its run,
 * `run: {threadId, runId, version}`, and says what its messages are, `turn: {agent, own, ids, leaving}`: the first `own` of them are the
 * stack's, the others have the client's `ids`; `leaving` is what becomes of the run when its caller leaves, where nobody says otherwise.
 *
 * Neutral answers are `{content, reasoning, tool_calls, refusal, finish_reason, usage}`. Neutral stream events:
 * `{type: "delta", text}`, `{type: "reasoning", text}`, `{type: "refusal", text}`, `{type: "tool_call", index, id?, name?, arguments?}`,
 * `{type: "usage", usage}`, `{type: "history", messages}` (a front end's own, before a replay),
 * `{type: "finish", reason, edge?}`, `{type: "error", error}`; `edge` tells of a switch to another
 * target within the answer, `{switched, attempts, legs: [{target, usage, estimated}]}`.
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

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isText = (value) => typeof value === "string";

/** Kinds of further settings: what they must be, and in words. */
const KINDS = {
  response_format: [isObject, "an object"],
  stop: [(value) => isText(value) || (Array.isArray(value) && value.every(isText)), "a string or a list of strings"],
  tool_choice: [(value) => isText(value) || isObject(value), "a string or an object"],
  logit_bias: [isObject, "an object"],
  logprobs: [(value) => typeof value === "boolean", "true or false"],
  user: [isText, "a string"],
  safety_identifier: [isText, "a string"],
  metadata: [isObject, "an object"],
};

/**
 * @param {object} body parsed JSON of an OpenAI chat request
 * @param {object} config
 * @param {{models: string[]|null}} caller
 * @throws {EdgeError} invalid_request, model_not_found, model_not_allowed
 */
export function chatRequest(body, config, caller) {
  const { model: requested, messages, stream, stream_options: streamOptions, conversation, ...settings } = body;
  checkMessages(messages, config.limits.max_messages);
  checkSettings(settings);
  if (stream !== undefined && stream !== null && typeof stream !== "boolean") wrong("stream", "must be true or false");
  if (streamOptions !== undefined && streamOptions !== null && !isObject(streamOptions)) wrong("stream_options", "must be an object");
  if (stream === true && settings.n > 1) wrong("n", "must be 1 in a stream");
  const name = resolve(requested, config, caller);
  checkLength(messages, config.limits.max_input_tokens);
  return {
    model: name,
    requested: requested ?? name,
    targets: config.models[name].targets,
    messages,
    settings: capped(settings, config.limits.max_output_tokens),
    stream: stream === true,
    include_usage: streamOptions?.include_usage === true,
    conversation: conversationOf(conversation, config),
  };
}

function wrong(param, rule) {
  throw new EdgeError("invalid_request", `'${param}' ${rule}.`, { param });
}

function resolve(requested, config, caller) {
  const asked = requested ?? config.default_model;
  if (asked === null) wrong("model", "is missing");
  if (typeof asked !== "string") wrong("model", "must be a string");
  const name = Object.hasOwn(config.aliases, asked) ? config.aliases[asked] : asked;
  if (!Object.hasOwn(config.models, name)) {
    throw new EdgeError("model_not_found", `The model '${asked.slice(0, 128)}' does not exist.`, { param: "model" });
  }
  if (caller.models && !caller.models.includes(name)) {
    throw new EdgeError("model_not_allowed", `This key may not use the model '${asked}'.`, { param: "model" });
  }
  return name;
}

const ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** What the id of a conversation, which its caller chooses, must be. */
export const CONVERSATION_ID = "1 to 128 of the characters A-Z a-z 0-9 . _ : -, and no `.` or `..`";
export const isConversationId = (text) => ID.test(text) && !/^\.{1,2}$/.test(text);

/** The id of a conversation, given as a text or as `{id}`; null if none is. */
function conversationOf(given, { features }) {
  if (given === undefined || given === null) return null;
  if (!features.includes("sessions")) {
    throw new EdgeError("unsupported_parameter", "Conversations are off on this proxy.", { param: "conversation" });
  }
  const id = isText(given) ? given : given.id;
  if (!isText(id)) wrong("conversation", "must be a string or an object with an id");
  return id;
}

/** The caller's own name of the user that a request is for, null if there is none. */
export const userOf = ({ settings }) => settings.safety_identifier || settings.user || null;

/** About how many characters a token has (OpenAI's rule of thumb for English). */
export const CHARACTERS_A_TOKEN = 4;

/** How many tokens a list of messages has, estimated. */
export const tokensOf = (messages) => Math.ceil(JSON.stringify(messages).length / CHARACTERS_A_TOKEN);

function checkLength(messages, most) {
  if (most === null) return;
  const tokens = tokensOf(messages);
  if (tokens <= most) return;
  const told = `The messages have about ${tokens} tokens; ${most} are allowed here.`;
  throw new EdgeError("context_length_exceeded", told, { param: "messages" });
}

/** Settings that bound the answer, whether the request does or not. */
function capped(settings, most) {
  if (most === null) return settings;
  const bounds = ["max_tokens", "max_completion_tokens"];
  for (const name of bounds) if (settings[name] * (settings.n ?? 1) > most) wrong(name, `times n must be at most ${most} here`);
  if (settings.n > 1 && !bounds.some((name) => settings[name])) wrong("n", "needs max_tokens here");
  return bounds.some((name) => settings[name]) ? settings : { ...settings, max_tokens: most };
}

function checkMessages(messages, most) {
  if (!Array.isArray(messages)) wrong("messages", "must be a list");
  if (messages.length === 0) wrong("messages", "must hold at least one message");
  if (messages.length > most) wrong("messages", `must hold at most ${most} messages`);
  messages.forEach(checkMessage);
}

function checkMessage(message, index) {
  const at = `messages[${index}]`;
  if (message === null || typeof message !== "object" || Array.isArray(message)) wrong(at, "must be an object");
  if (!ROLES.has(message.role)) wrong(`${at}.role`, `must be one of ${[...ROLES].join(", ")}`);
  const { content, tool_calls: calls } = message;
  if (Array.isArray(calls) && !calls.every(isObject)) wrong(`${at}.tool_calls`, "must be a list of objects");
  if (typeof content === "string") return;
  if (Array.isArray(content)) return content.forEach((part, place) => checkPart(part, `${at}.content[${place}]`));
  const silent = message.role === "assistant" && (Array.isArray(calls) || message.function_call);
  if (!silent || (content !== null && content !== undefined)) wrong(`${at}.content`, "must be a string or a list of parts");
  return undefined;
}

function checkPart(part, at) {
  if (part === null || typeof part !== "object" || typeof part.type !== "string") wrong(at, "must be an object with a type");
}

function checkSettings(settings) {
  for (const [name, [low, high]] of Object.entries(RANGES)) {
    const value = settings[name];
    if (value === undefined || value === null) continue;
    if (typeof value !== "number" || !(value >= low && value <= high)) wrong(name, `must be a number from ${low} to ${high}`);
  }
  for (const name of COUNTS) {
    const value = settings[name];
    if (value !== undefined && value !== null && !Number.isInteger(value)) wrong(name, "must be a whole number");
  }
  for (const name of AT_LEAST_ONE) if (Number.isInteger(settings[name]) && settings[name] < 1) wrong(name, "must be at least 1");
  for (const [name, [fits, words]] of Object.entries(KINDS)) {
    const value = settings[name];
    if (value !== undefined && value !== null && !fits(value)) wrong(name, `must be ${words}`);
  }
  if (settings.tools !== undefined && settings.tools !== null) checkTools(settings.tools);
}

function checkTools(tools) {
  if (!Array.isArray(tools)) wrong("tools", "must be a list");
  tools.forEach((tool, index) => {
    if (tool?.type !== "function" || typeof tool.function?.name !== "string") {
      wrong(`tools[${index}]`, "must be {type: 'function', function: {name, ...}}");
    }
  });
}
