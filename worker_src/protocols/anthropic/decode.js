import { EdgeError } from "../../errors.js";
import { readJson } from "../body.js";
import { chatRequest, extrasOf, tokensOf } from "../chat.js";
import { TOOL, checkFields, isAbsent, isName, isObject, isWordOf, named, unsupportedType, wrong } from "../checks.js";
import { messagesOf } from "./messages.js";

/** What would change the answer and is not offered; anything else that is not known is left alone. */
const REFUSED = ["compaction", "container", "mcp_servers", "output_format", "thread"];

/** How hard a model is to try, in OpenAI's words. */
const EFFORTS = { low: "low", medium: "medium", high: "high", xhigh: "high", max: "high" };

/** What a refusal of the neutral chat is called here. */
const NAMES = { stop: "stop_sequences", response_format: "output_config.format", reasoning_effort: "output_config.effort" };

const CHOICES = { auto: "auto", any: "required", none: "none" };

/**
 * A request of `/v1/messages` as the neutral chat, with `thinking`: whether the caller is shown what the model thinks.
 * @param {object} body
 * @param {object} config
 * @param {{models: string[]|null}} caller
 * @throws {EdgeError} invalid_request, unsupported_parameter, and what a chat request throws
 */
export function decode(body, config, caller) {
  if (isAbsent(body.max_tokens)) throw wrong("max_tokens", "is missing");
  return Object.assign(neutral(body, config, caller), { thinking: shown(body.thinking) });
}

/** How many tokens a request has, by the house's estimate: models of any maker stand behind a name, each with a tokenizer of its own. */
export async function countTokens(context) {
  const { config, caller } = context;
  const chat = neutral(await readJson(context, config.limits.max_body_bytes), config, caller);
  return Response.json({ input_tokens: tokensOf([...chat.messages, ...extrasOf(chat)]) });
}

function neutral(body, config, caller) {
  for (const name of REFUSED) {
    if (!isAbsent(body[name])) throw new EdgeError("unsupported_parameter", `'${name}' is not offered by this proxy.`, { param: name });
  }
  const { model, max_tokens: most, temperature, top_p: topP, top_k: topK, stream } = body;
  const asked = {
    model,
    max_tokens: most,
    temperature,
    top_p: topP,
    ...known("top_k", topK, (value) => Number.isInteger(value) && value > 0, "must be a whole number above 0"),
    ...stopped(body.stop_sequences),
    ...user(body.metadata),
    ...tools(body.tools, body.tool_choice),
    ...output(body.output_config),
    stream,
    messages: messagesOf(body),
  };
  const told = Object.fromEntries(Object.entries(asked).filter(([, value]) => !isAbsent(value)));
  return named(NAMES, () => chatRequest(told, config, caller));
}

/** A field under the name that it has for models, if it is given. */
function known(name, value, fits, rule, { as = name, made = (kept) => kept } = {}) {
  if (isAbsent(value)) return {};
  if (!fits(value)) throw wrong(name, rule);
  return { [as]: made(value) };
}

const texts = (value) => Array.isArray(value) && value.every((each) => typeof each === "string");
const stopped = (list) => (Array.isArray(list) && !list.length ? {} : known("stop_sequences", list, texts, "must be a list of strings", { as: "stop" }));

function user(metadata) {
  if (!isAbsent(metadata) && !isObject(metadata)) throw wrong("metadata", "must be an object");
  return known("metadata.user_id", metadata?.user_id, (value) => typeof value === "string", "must be a string", { as: "user" });
}

function tools(list, choice) {
  if (!isAbsent(list) && !Array.isArray(list)) throw wrong("tools", "must be a list");
  const offered = (list ?? []).map(tool);
  if (!offered.length && !isAbsent(choice)) throw wrong("tool_choice", "needs tools");
  return offered.length ? { tools: offered, ...chosen(choice) } : {};
}

function tool(each, index) {
  const at = `tools[${index}]`;
  if (!isObject(each)) throw wrong(at, "must be an object");
  if (!isAbsent(each.type) && each.type !== "custom") throw unsupportedType(each, `${at}.type`);
  const { name, description, input_schema: parameters, strict } = each;
  if (!isName(name)) throw wrong(`${at}.name`, "must be a string that is not empty");
  if (!isObject(parameters)) throw wrong(`${at}.input_schema`, "must be a JSON schema");
  checkFields(each, TOOL, `${at}.`);
  return { type: "function", function: { name, ...(!isAbsent(description) ? { description } : {}), parameters, ...(strict === true ? { strict } : {}) } };
}

function chosen(choice) {
  if (isAbsent(choice)) return {};
  const one = isObject(choice) && choice.type === "tool" && typeof choice.name === "string";
  if (!one && !isWordOf(CHOICES, choice?.type)) throw wrong("tool_choice", "must be {type: 'auto'}, {type: 'any'}, {type: 'none'} or {type: 'tool', name}");
  const alone = choice.disable_parallel_tool_use === true ? { parallel_tool_calls: false } : {};
  return { tool_choice: one ? { type: "function", function: { name: choice.name } } : CHOICES[choice.type], ...alone };
}

function output(config) {
  if (isAbsent(config)) return {};
  if (!isObject(config)) throw wrong("output_config", "must be an object");
  const { effort, format } = config;
  const word = (value) => isWordOf(EFFORTS, value);
  const words = `must be one of ${Object.keys(EFFORTS).join(", ")}`;
  const schema = (value) => isObject(value) && value.type === "json_schema" && isObject(value.schema);
  const made = (kept) => ({ type: "json_schema", json_schema: { name: "answer", schema: kept.schema, strict: true } });
  return {
    ...known("output_config.effort", effort, word, words, { as: "reasoning_effort", made: (kept) => EFFORTS[kept] }),
    ...known("output_config.format", format, schema, "must be {type: 'json_schema', schema}", { as: "response_format", made }),
  };
}

/** Thinking is shown to who asks for it: others take the first block for the answer. */
function shown(thinking) {
  if (isAbsent(thinking)) return false;
  if (!isObject(thinking) || typeof thinking.type !== "string") throw wrong("thinking", "must be an object with a type");
  return thinking.type !== "disabled" && thinking.display !== "omitted";
}
