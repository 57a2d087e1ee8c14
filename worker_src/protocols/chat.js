import { EdgeError } from "../errors.js";

/**
 * The neutral chat request that every protocol decodes into, with OpenAI's chat completion as its base:
 * `{model, requested, targets, messages, settings, stream, include_usage}`; `settings` holds everything else that the
 * model is to be told (temperature, tools, response_format, ...), untouched.
 *
 * Neutral answers are `{content, reasoning, tool_calls, refusal, finish_reason, usage}`. Neutral stream events:
 * `{type: "delta", text}`, `{type: "reasoning", text}`, `{type: "tool_call", index, id?, name?, arguments?}`,
 * `{type: "usage", usage}`, `{type: "finish", reason}`, `{type: "error", error}`.
 */
const ROLES = new Set(["system", "developer", "user", "assistant", "tool", "function"]);

const RANGES = {
  temperature: [0, 5],
  top_p: [0, 2],
  presence_penalty: [-2, 2],
  frequency_penalty: [-2, 2],
};

const COUNTS = ["max_tokens", "max_completion_tokens", "n", "top_logprobs", "seed"];

/**
 * @param {object} body parsed JSON of an OpenAI chat request
 * @param {object} config
 * @param {{models: string[]|null}} caller
 * @throws {EdgeError} invalid_request, model_not_found, model_not_allowed
 */
export function chatRequest(body, config, caller) {
  const { model: requested, messages, stream, stream_options: streamOptions, ...settings } = body;
  checkMessages(messages, config.limits.max_messages);
  checkSettings(settings);
  if (stream !== undefined && stream !== null && typeof stream !== "boolean") wrong("stream", "must be true or false");
  const name = resolve(requested, config, caller);
  return {
    model: name,
    requested: requested ?? name,
    targets: config.models[name].targets,
    messages,
    settings,
    stream: stream === true,
    include_usage: streamOptions?.include_usage === true,
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
  if (settings.max_tokens !== undefined && settings.max_tokens !== null && settings.max_tokens < 1) wrong("max_tokens", "must be at least 1");
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
