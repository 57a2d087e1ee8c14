import { EdgeError } from "../../errors.js";
import { CONVERSATION_ID, chatRequest, isConversationId } from "../chat.js";

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const wrong = (param, rule) => new EdgeError("invalid_request", `'${param}' ${rule}.`, { param });

/** Of the application's own properties, those that the model is told. */
const SETTINGS = { model: "model", temperature: "temperature", maxTokens: "max_tokens", stop: "stop", toolChoice: "tool_choice" };

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
  const offered = agent.tools === "none" ? [] : (tools ?? []);
  const asked = {
    ...settings(forwardedProps, agent),
    ...(offered.length ? { tools: offered.map(tool) } : { tool_choice: undefined }),
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

/**
 * The agent of a name.
 * @throws {EdgeError} agent_not_found
 */
export function agentOf({ agents }, name) {
  if (!Object.hasOwn(agents, name)) throw new EdgeError("agent_not_found", `The agent '${name.slice(0, 128)}' does not exist.`);
  return agents[name];
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

/** What the stack says of the agent, and what the page says of itself. */
function instructions(agent, context = [], state = null) {
  const told = agent.instructions === null ? [] : [agent.instructions];
  if (context.length) told.push(`## Context from the application\n\n${context.map(({ description, value }) => `${description}:\n${value}`).join("\n\n")}`);
  const empty = state === null || (isObject(state) && Object.keys(state).length === 0);
  if (!empty) told.push(`## State of the application\n\n${JSON.stringify(state)}`);
  return told.length ? [{ role: "system", content: told.join("\n\n") }] : [];
}

function settings(given, agent) {
  const props = given ?? {};
  const known = Object.entries(SETTINGS).filter(([name]) => props[name] !== undefined && props[name] !== null);
  const told = Object.fromEntries(known.map(([name, setting]) => [setting, props[name]]));
  return agent.model === null ? told : { ...told, model: agent.model };
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
  throw new EdgeError("unsupported_parameter", `'${at}' is of a type that is not supported here: ${String(part.type).slice(0, 32)}.`, { param: at });
}
