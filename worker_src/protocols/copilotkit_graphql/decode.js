import { EdgeError } from "../../errors.js";
import { agentOf, instructions, isObject, offered, settingsOf } from "../agents.js";
import { chatRequest } from "../chat.js";

const AT = "variables.data";
const wrong = (param, rule) => new EdgeError("invalid_request", `'${param}' ${rule}.`, { param });

/** An agent of a page that names none, where the stack has no `default`. */
const NONE = { model: null, instructions: null, tools: "client" };

/**
 * The variables of a `generateCopilotResponse` as the neutral chat, by the input types of CopilotKit 1.10.6; what clients send in
 * addition is left alone. The answer is a stream where the caller takes `multipart/mixed` and the stack streams.
 * @param {{variables: {data: object, properties?: object}}} body
 * @param {object} config
 * @param {{models: string[]|null}} caller
 * @param {object} _route
 * @param {Headers} headers
 * @throws {EdgeError} agent_not_found, invalid_request, and what a chat request throws
 */
export function decode({ variables }, config, caller, _route, headers) {
  const data = checked(variables?.data);
  const agent = chosen(data.agentSession, config);
  const { frontend, messages, forwardedParameters, threadId, runId } = data;
  const talk = history(messages);
  const stream = config.features.includes("streaming") && (headers.get("accept") ?? "").includes("multipart/mixed");
  const asked = {
    ...settingsOf({ ...variables.properties, ...toolChoice(forwardedParameters) }, agent),
    ...offered(agent, actions(frontend?.actions)),
    messages: [...instructions(agent, unsaid(data.context, talk), stateOf(data)), ...talk],
    stream,
    ...(stream ? { stream_options: { include_usage: true } } : {}),
  };
  return Object.assign(chatRequest(asked, config, caller), { run: { threadId: threadId ?? crypto.randomUUID(), runId: runId ?? null } });
}

function checked(data) {
  if (!isObject(data)) throw wrong(AT, "must be an object");
  for (const key of ["frontend", "forwardedParameters", "agentSession"]) {
    if (!isObject(data[key] ?? {})) throw wrong(`${AT}.${key}`, "must be an object");
  }
  const lists = [["messages", data.messages], ["context", data.context], ["agentStates", data.agentStates], ["frontend.actions", data.frontend?.actions]];
  for (const [key, value] of lists) {
    if (!Array.isArray(value ?? []) || !(value ?? []).every(isObject)) throw wrong(`${AT}.${key}`, "must be a list of objects");
  }
  return data;
}

function chosen(session, config) {
  const name = session?.agentName;
  if (name === undefined) return config.agents.default ?? NONE;
  if (typeof name !== "string") throw wrong(`${AT}.agentSession.agentName`, "must be a string");
  return agentOf(config, name);
}

/** Parameters with the choice of a tool as OpenAI writes it. */
function toolChoice(given) {
  const { toolChoice: choice, toolChoiceFunctionName: name, ...parameters } = Object.fromEntries(Object.entries(given ?? {}).filter(([, value]) => value !== null));
  if (choice === "function") return { ...parameters, toolChoice: { type: "function", function: { name } } };
  return choice === undefined ? parameters : { ...parameters, toolChoice: choice };
}

const actions = (given) => (given ?? []).flatMap((each, index) => (each.available === "disabled" ? [] : [tool(each, index)]));

function tool({ name, description, jsonSchema }, index) {
  const at = `${AT}.frontend.actions[${index}]`;
  if (typeof name !== "string") throw wrong(`${at}.name`, "must be a string");
  return { type: "function", function: { name, description, parameters: parsed(jsonSchema, `${at}.jsonSchema`) } };
}

function parsed(text, at) {
  try {
    return JSON.parse(text);
  } catch {
    throw wrong(at, "must be JSON");
  }
}

/** The chat of 1.10 writes its context into its own system message: what the talk tells already is not told again. */
function unsaid(context, talk) {
  const told = talk.filter(({ role }) => role === "system").map(({ content }) => content);
  return (context ?? []).filter(({ value }) => !told.some((text) => text.includes(value)));
}

/** The state that the page keeps for the agent it runs, null if it runs none. */
function stateOf({ agentSession, agentStates }) {
  const index = (agentStates ?? []).findIndex(({ agentName }) => agentName === agentSession?.agentName);
  return index < 0 ? null : parsed(agentStates[index].state, `${AT}.agentStates[${index}].state`);
}

/** Kinds of messages, as OpenAI's; an agent's state is for the page alone. */
const KINDS = {
  textMessage: ({ role, content }) => ({ role: role === "developer" ? "system" : role, content }),
  imageMessage: ({ role, format, bytes }) => ({ role, content: [{ type: "image_url", image_url: { url: `data:${format.includes("/") ? format : `image/${format}`};base64,${bytes}` } }] }),
  actionExecutionMessage: ({ name, arguments: text }, id) => ({ role: "assistant", content: null, tool_calls: [{ id, type: "function", function: { name, arguments: text } }] }),
  resultMessage: ({ actionExecutionId, result }) => ({ role: "tool", tool_call_id: actionExecutionId, content: result }),
  agentStateMessage: () => null,
};

/** What models are told of the talk: the calls of a turn in one message with its text, and no call without its result. */
function history(given) {
  const answered = new Set((given ?? []).map(({ resultMessage }) => resultMessage?.actionExecutionId));
  const talk = [];
  (given ?? []).forEach((each, index) => {
    if (each.actionExecutionMessage && !answered.has(each.id)) return;
    const message = messageOf(each, `${AT}.messages[${index}]`);
    if (message?.tool_calls && talk.at(-1)?.role === "assistant") talk.push(joined(talk.pop(), message));
    else if (message) talk.push(message);
  });
  return talk;
}

function messageOf(given, at) {
  const kind = Object.keys(KINDS).find((each) => isObject(given[each]));
  if (kind === undefined) throw wrong(at, `must hold one of ${Object.keys(KINDS).join(", ")}`);
  const [, texts] = TEXTS.find(([each]) => each === kind);
  for (const field of texts) if (typeof given[kind][field] !== "string") throw wrong(`${at}.${kind}.${field}`, "must be a string");
  return KINDS[kind](given[kind], given.id);
}

const TEXTS = Object.entries({
  textMessage: ["role", "content"],
  imageMessage: ["role", "format", "bytes"],
  actionExecutionMessage: ["name", "arguments"],
  resultMessage: ["actionExecutionId", "result"],
  agentStateMessage: [],
});

const joined = ({ content, tool_calls: before = [] }, { tool_calls: calls }) => ({ role: "assistant", content: content || null, tool_calls: [...before, ...calls] });
