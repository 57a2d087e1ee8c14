import { chatRequest } from "../chat.js";
import { TOOL, checkFields, isAbsent, isName, isObject, named, unsupported, wrong } from "../checks.js";
import { placeOf, unknown } from "./ids.js";
import { messagesOf } from "./input.js";

/** Fields that a model is told as they are. */
const PASSED = ["temperature", "top_p", "user", "safety_identifier", "prompt_cache_key", "service_tier"];

/** Fields that this codec reads itself, or that ask for nothing that could be missed in an answer. */
const READ = [
  "model", "input", "instructions", "tools", "tool_choice", "text", "max_output_tokens", "reasoning", "store", "metadata", "parallel_tool_calls", "stream",
  "stream_options", "previous_response_id", "conversation", "prompt_cache_retention", "prompt_cache_options",
];

/** Fields with one value that is fine, as it asks for what happens anyway; and what to do instead of another. */
const FIXED = {
  background: [(value) => value === false, "wait for the answer; one that is kept (store) goes on when its caller leaves"],
  include: [(value) => Array.isArray(value) && value.every((each) => each === "reasoning.encrypted_content"), "leave it out; there is no more"],
  top_logprobs: [(value) => value === 0, "leave it out"],
  truncation: [(value) => value === "disabled", "leave it out, and send what fits"],
};

const TEXTS = ["instructions", "previous_response_id", "prompt_cache_key", "service_tier", "reasoning.effort", "reasoning.summary", "text.verbosity"];

const KNOWN = new Set([...PASSED, ...READ, ...Object.keys(FIXED)]);

/** What a refusal of the neutral chat is called here. */
const NAMES = { messages: "input", max_tokens: "max_output_tokens", response_format: "text.format", reasoning_effort: "reasoning.effort" };

/**
 * A request for a response as the neutral chat. What the answer says of its request is in `told`, so that it can be read again; where
 * conversations are on an answer is kept unless `store` is false.
 * @param {object} body
 * @param {object} config
 * @param {{models: string[]|null}} caller
 * @throws {EdgeError} previous_response_not_found, and what a chat request throws
 */
export function decode(body, config, caller) {
  checkBody(body);
  const store = stored(body, config);
  const { instructions, previous_response_id: previous } = body;
  const instructing = instructions ? [{ role: "system", content: instructions }] : [];
  const input = messagesOf(body.input);
  const asked = {
    ...settings(body),
    model: body.model,
    messages: [...instructing, ...input],
    stream: body.stream,
    stream_options: body.stream_options,
    ...place(body, config),
  };
  const chat = named(NAMES, () => chatRequest(asked, config, caller));
  if (!input.length) throw wrong("input", "must hold at least one item that a model is told");
  // The instructions of a response are not those of the next one.
  if (store) Object.assign(chat, { messages: input, onward: { follows: isAbsent(previous) ? null : placeOf(previous).run, instructions: instructing } });
  return Object.assign(chat, { store, told: told(body, store) });
}

function checkBody(body) {
  for (const [name, value] of Object.entries(body)) {
    if (isAbsent(value)) continue;
    if (!KNOWN.has(name)) throw unsupported(name, "leave it out");
    const [fits, fix] = Object.hasOwn(FIXED, name) ? FIXED[name] : [() => true];
    if (!fits(value)) throw unsupported(name, fix);
  }
  for (const name of TEXTS) {
    const value = name.split(".").reduce((within, key) => within?.[key], body);
    if (!isAbsent(value) && typeof value !== "string") throw wrong(name, "must be a string");
  }
  for (const name of ["text", "reasoning", "metadata"]) if (!isAbsent(body[name]) && !isObject(body[name])) throw wrong(name, "must be an object");
  for (const name of ["store", "parallel_tool_calls"]) if (!isAbsent(body[name]) && typeof body[name] !== "boolean") throw wrong(name, "must be true or false");
}

/** Whether the answer is kept. */
function stored({ store }, { features }) {
  if (features.includes("sessions")) return store !== false;
  if (store === true) throw unsupported("store", "conversations are off on this proxy, so no answer is kept; send store: false");
  return false;
}

/** The conversation that the request is a turn of. */
function place({ previous_response_id: previous, conversation }, { features }) {
  if (isAbsent(previous)) return { conversation };
  if (!isAbsent(conversation)) throw wrong("previous_response_id", "and 'conversation' exclude each other: send one of them");
  if (!features.includes("sessions")) throw unsupported("previous_response_id", "conversations are off on this proxy; send the whole talk as input");
  const found = placeOf(previous);
  if (found === null) throw unknown(previous);
  return { conversation: found.conversation };
}

function settings(body) {
  const { max_output_tokens: most, reasoning, text, parallel_tool_calls: parallel } = body;
  const tools = toolsOf(body.tools);
  const choice = choiceOf(body.tool_choice);
  if (!tools && !isAbsent(choice) && !["auto", "none"].includes(choice)) throw wrong("tool_choice", "needs tools to choose from");
  const all = {
    ...Object.fromEntries(PASSED.map((name) => [name, body[name]])),
    max_tokens: most,
    reasoning_effort: reasoning?.effort,
    response_format: formatOf(text?.format),
    verbosity: text?.verbosity,
    ...(tools ? { tools, tool_choice: choice, parallel_tool_calls: parallel } : {}),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => !isAbsent(value)));
}

function toolsOf(tools) {
  if (isAbsent(tools)) return null;
  if (!Array.isArray(tools)) throw wrong("tools", "must be a list");
  return tools.length ? tools.map(toolOf) : null;
}

function toolOf(tool, index) {
  const at = `tools[${index}]`;
  if (!isObject(tool)) throw wrong(at, "must be an object");
  if (tool.type !== "function") throw unsupported(`${at}.type`, "tools must be of the type function, and are carried out by the caller");
  const { name, description, parameters, strict } = tool;
  if (!isName(name)) throw wrong(`${at}.name`, "must be a string that is not empty");
  checkFields(tool, TOOL, `${at}.`);
  const given = Object.entries({ description, parameters, strict }).filter(([, value]) => !isAbsent(value));
  return { type: "function", function: { name, ...Object.fromEntries(given) } };
}

function choiceOf(choice) {
  if (isAbsent(choice) || ["auto", "none", "required"].includes(choice)) return choice;
  if (!isObject(choice)) throw wrong("tool_choice", "must be auto, none, required or an object");
  if (choice.type !== "function") throw unsupported("tool_choice.type", "it must be function");
  if (typeof choice.name !== "string") throw wrong("tool_choice.name", "must be a string");
  return { type: "function", function: { name: choice.name } };
}

function formatOf(format) {
  if (isAbsent(format)) return null;
  if (!isObject(format)) throw wrong("text.format", "must be an object");
  const { type, name, schema, description, strict } = format;
  if (type === "text") return null;
  if (type === "json_object") return { type };
  if (type !== "json_schema") throw unsupported("text.format.type", "it must be one of text, json_object, json_schema");
  if (typeof name !== "string") throw wrong("text.format.name", "must be a string");
  if (!isObject(schema)) throw wrong("text.format.schema", "must be an object");
  const given = Object.entries({ description, strict }).filter(([, value]) => !isAbsent(value));
  return { type, json_schema: { name, schema, ...Object.fromEntries(given) } };
}

/** What the answer says of its request, with OpenAI's words for what was left out. */
function told(body, store) {
  const { conversation, text, reasoning } = body;
  return {
    background: false,
    conversation: isAbsent(conversation) ? null : { id: conversation.id ?? conversation },
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: body.previous_response_id ?? null,
    prompt_cache_key: body.prompt_cache_key ?? null,
    reasoning: { effort: reasoning?.effort ?? null, summary: reasoning?.summary ?? null },
    safety_identifier: body.safety_identifier ?? null,
    service_tier: body.service_tier ?? "default",
    store,
    temperature: body.temperature ?? null,
    text: { format: text?.format ?? { type: "text" }, ...(text?.verbosity ? { verbosity: text.verbosity } : {}) },
    tool_choice: body.tool_choice ?? "auto",
    tools: body.tools ?? [],
    top_p: body.top_p ?? null,
    truncation: "disabled",
    user: body.user ?? null,
  };
}
