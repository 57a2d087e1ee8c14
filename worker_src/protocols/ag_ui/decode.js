import { agentOf, instructions, offered, paired, settingNames, settingsOf } from "../agents.js";
import { chatRequest } from "../chat.js";
import { CONVERSATION_ID, checkId, checkTexts, isAbsent, isConversationId, isObject, isText, named, unsupportedType, wrong } from "../checks.js";

/** What is for people alone, and no model's matter. */
const UNTOLD = ["reasoning", "activity"];
const ROLES = ["user", "assistant", "system", "developer", "tool", ...UNTOLD];

/**
 * A `RunAgentInput` of AG-UI as the neutral chat; what clients send in addition is left alone.
 * @param {object} body
 * @param {object} config
 * @param {{models: string[]|null}} caller
 * @param {{parameters: string[]}} route of the agent's id
 * @throws {EdgeError} agent_not_found, invalid_request, and what a chat request throws
 */
export function decode(body, config, caller, { parameters: [name] }) {
  const agent = agentOf(config, name);
  const { threadId, runId, messages = [], tools, context, state, forwardedProps } = checked(body);
  const own = instructions(agent, context, state);
  const told = paired(messages.flatMap(entriesOf));
  const asked = {
    ...settingsOf(forwardedProps, agent),
    ...offered(agent, (tools ?? []).map(tool)),
    messages: [...own, ...told.map(({ message }) => message)],
    stream: true,
    stream_options: { include_usage: true },
  };
  const version = body.protocolVersion ?? null;
  return Object.assign(named(settingNames("forwardedProps"), () => chatRequest(asked, config, caller)), {
    run: { threadId, runId, version },
    conversation: config.features.includes("threads") ? threadOf(threadId) : null,
    turn: { agent: name, own: own.length, ids: told.map(({ id }) => id), leaving: "cancel" },
  });
}

/** A thread is a conversation where they are on: its id must do as one. */
function threadOf(id) {
  if (!isConversationId(id)) throw wrong("threadId", `must be ${CONVERSATION_ID}`);
  return id;
}

function checked(body) {
  for (const key of ["threadId", "runId"]) checkId(body[key], key);
  for (const key of ["messages", "tools", "context"]) {
    if (body[key] !== undefined && !(Array.isArray(body[key]) && body[key].every(isObject))) throw wrong(key, "must be a list of objects");
  }
  if (!isAbsent(body.forwardedProps) && !isObject(body.forwardedProps)) throw wrong("forwardedProps", "must be an object");
  if (!isAbsent(body.protocolVersion)) checkId(body.protocolVersion, "protocolVersion");
  checkTexts(body.tools ?? [], "tools", ["name"]);
  checkTexts(body.context ?? [], "context", ["description", "value"]);
  return body;
}

const tool = ({ name, description, parameters }) => ({ type: "function", function: { name, description, parameters } });

/** A message as it is told, with the client's id of it. */
function entriesOf(given, index) {
  const at = `messages[${index}]`;
  if (!ROLES.includes(given.role)) throw wrong(`${at}.role`, `must be one of ${ROLES.join(", ")}`);
  const id = isAbsent(given.id) ? null : checkId(given.id, `${at}.id`);
  return UNTOLD.includes(given.role) ? [] : [{ message: message(given, at), id }];
}

/** A message as OpenAI's. */
function message({ role, content, toolCalls, toolCallId, error }, at) {
  if (role === "tool") return { role, tool_call_id: checkId(toolCallId, `${at}.toolCallId`), content: resultOf(content, error, at) };
  if (role === "assistant") return answer(content, callsOf(toolCalls, `${at}.toolCalls`), `${at}.content`);
  if (!isText(content) && !Array.isArray(content)) throw wrong(`${at}.content`, "must be a string or a list of parts");
  const kept = isText(content) ? content : content.map((part, place) => partOf(part, `${at}.content[${place}]`));
  return { role: role === "developer" ? "system" : role, content: kept };
}

function resultOf(content, error, at) {
  if (!isAbsent(error) && !isText(error)) throw wrong(`${at}.error`, "must be a string");
  const said = text(content ?? "", `${at}.content`);
  return error ? `${said}\n${error}` : said;
}

function answer(content, calls, at) {
  const said = isAbsent(content) ? null : text(content, at);
  return { role: "assistant", content: said ?? (calls.length ? null : ""), ...(calls.length ? { tool_calls: calls } : {}) };
}

function callsOf(given, at) {
  if (isAbsent(given)) return [];
  const isCall = (call) => isObject(call) && isText(call.id) && isObject(call.function) && isText(call.function.name) && isText(call.function.arguments);
  if (!Array.isArray(given) || !given.every(isCall)) throw wrong(at, "must be a list of {id, type: 'function', function: {name, arguments}}, with strings");
  return given.map(({ id, function: { name, arguments: args } }) => ({ id, type: "function", function: { name, arguments: args } }));
}

function text(content, at) {
  if (isText(content)) return content;
  if (!Array.isArray(content) || !content.every((part) => part?.type === "text" && isText(part.text))) throw wrong(at, "must be a string or hold text alone");
  return content.map((part) => part.text).join("");
}

function partOf(part, at) {
  if (part?.type === "text" && isText(part.text)) return { type: "text", text: part.text };
  const { type, value, mimeType } = isObject(part?.source) ? part.source : {};
  if (!isText(value)) throw wrong(at, "must be text or have a source");
  if (type === "data" && !isText(mimeType)) throw wrong(`${at}.source.mimeType`, "must be a string");
  if (part.type === "image") return { type: "image_url", image_url: { url: type === "data" ? `data:${mimeType};base64,${value}` : value } };
  if (part.type === "audio" && type === "data") return { type: "input_audio", input_audio: { data: value, format: mimeType.split("/").at(-1) } };
  throw unsupportedType(part, at);
}
