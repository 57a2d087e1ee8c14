import { agentOf, instructions, offered, settingsOf } from "../agents.js";
import { chatRequest } from "../chat.js";
import { CONVERSATION_ID, isConversationId, isObject, unsupportedType, wrong } from "../checks.js";

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
  const told = messages.map(message);
  const asked = {
    ...settingsOf(forwardedProps, agent),
    ...offered(agent, (tools ?? []).map(tool)),
    messages: [...own, ...told.flat()],
    stream: true,
    stream_options: { include_usage: true },
  };
  const version = body.protocolVersion ?? null;
  const ids = messages.flatMap(({ id }, place) => told[place].map(() => (typeof id === "string" ? id : null)));
  return Object.assign(chatRequest(asked, config, caller), {
    run: { threadId, runId, version },
    conversation: config.features.includes("threads") ? threadOf(threadId) : null,
    turn: { agent: name, own: own.length, ids, leaving: "cancel" },
  });
}

/** A thread is a conversation where they are on: its id must do as one. */
function threadOf(id) {
  if (!isConversationId(id)) throw wrong("threadId", `must be ${CONVERSATION_ID}`);
  return id;
}

function checked(body) {
  for (const key of ["threadId", "runId"]) if (typeof body[key] !== "string" || body[key] === "") throw wrong(key, "must be a string");
  for (const key of ["messages", "tools", "context"]) {
    if (body[key] !== undefined && !(Array.isArray(body[key]) && body[key].every(isObject))) throw wrong(key, "must be a list of objects");
  }
  if (body.forwardedProps !== undefined && body.forwardedProps !== null && !isObject(body.forwardedProps)) throw wrong("forwardedProps", "must be an object");
  return body;
}

const tool = ({ name, description, parameters }) => ({ type: "function", function: { name, description, parameters } });

/** A message as OpenAI's; none for what is for people alone. */
function message({ role, content, toolCalls, toolCallId, error }, index) {
  if (role === "reasoning" || role === "activity") return [];
  const at = `messages[${index}].content`;
  if (role === "tool") return [{ role, tool_call_id: toolCallId, content: error ? `${text(content, at)}\n${error}` : text(content, at) }];
  if (role === "assistant") return [{ role, content: content ?? (toolCalls?.length ? null : ""), ...(toolCalls?.length ? { tool_calls: toolCalls } : {}) }];
  const kept = Array.isArray(content) ? content.map((part, place) => partOf(part, `${at}[${place}]`)) : content;
  return [{ role: role === "developer" ? "system" : role, content: kept }];
}

function text(content, at) {
  if (!Array.isArray(content)) return content ?? "";
  if (!content.every((part) => part?.type === "text")) throw wrong(at, "must hold text alone");
  return content.map((part) => part.text).join("");
}

function partOf(part, at) {
  if (part?.type === "text") return { type: "text", text: part.text };
  const { type, value, mimeType } = isObject(part?.source) ? part.source : {};
  if (typeof value !== "string") throw wrong(at, "must be text or have a source");
  if (part.type === "image") return { type: "image_url", image_url: { url: type === "data" ? `data:${mimeType};base64,${value}` : value } };
  if (part.type === "audio" && type === "data") return { type: "input_audio", input_audio: { data: value, format: String(mimeType).split("/").at(-1) } };
  throw unsupportedType(part, at);
}
