import { agentOf, instructions, offered, paired, settingNames, settingsOf } from "../agents.js";
import { MOST_DEPTH, fits } from "../body.js";
import { chatRequest } from "../chat.js";
import { checkId, checkTexts, isAbsent, isObject, isText, named, wrong } from "../checks.js";

const AT = "variables.data";

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
  return Object.assign(named(namesOf(variables), () => chatRequest(asked, config, caller)), { run: { threadId: threadId ?? crypto.randomUUID(), runId: runId ?? null } });
}

/** What errors call what a chat request holds; parameters win over properties. */
const namesOf = ({ data }) =>
  ({ ...settingNames("variables.properties"), ...settingNames(`${AT}.forwardedParameters`, data.forwardedParameters ?? {}), messages: `${AT}.messages` });

function checked(data) {
  if (!isObject(data)) throw wrong(AT, "must be an object");
  for (const key of ["frontend", "forwardedParameters", "agentSession"]) {
    if (!isObject(data[key] ?? {})) throw wrong(`${AT}.${key}`, "must be an object");
  }
  for (const key of ["threadId", "runId"]) if (!isAbsent(data[key])) checkId(data[key], `${AT}.${key}`);
  const lists = [["messages", data.messages], ["context", data.context], ["agentStates", data.agentStates], ["frontend.actions", data.frontend?.actions]];
  for (const [key, value] of lists) {
    if (!Array.isArray(value ?? []) || !(value ?? []).every(isObject)) throw wrong(`${AT}.${key}`, "must be a list of objects");
  }
  checkTexts(data.context ?? [], `${AT}.context`, ["description", "value"]);
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
  const told = Object.entries(given ?? {}).filter(([, value]) => value !== null);
  const { toolChoice: choice, toolChoiceFunctionName: name, ...parameters } = Object.fromEntries(told);
  if (choice === "function" && typeof name !== "string") throw wrong(`${AT}.forwardedParameters.toolChoiceFunctionName`, "must be a string");
  if (choice === "function") return { ...parameters, toolChoice: { type: "function", function: { name } } };
  return choice === undefined ? parameters : { ...parameters, toolChoice: choice };
}

const actions = (given) => (given ?? []).flatMap((each, index) => (each.available === "disabled" ? [] : [tool(each, index)]));

function tool({ name, description, jsonSchema }, index) {
  const at = `${AT}.frontend.actions[${index}]`;
  if (typeof name !== "string") throw wrong(`${at}.name`, "must be a string");
  return { type: "function", function: { name, description, parameters: parsed(jsonSchema, `${at}.jsonSchema`) } };
}

/** An object that travels as a text. */
function parsed(text, at) {
  let value = null;
  try {
    value = JSON.parse(text);
  } catch {
    // told below
  }
  if (!isObject(value)) throw wrong(at, "must be the JSON of an object");
  if (!fits(value, MOST_DEPTH)) throw wrong(at, `is nested more than ${MOST_DEPTH} levels deep`);
  return value;
}

/**
 * The chat of 1.10 writes its context into its own system message: what the talk tells already is not told again. Whole lines are looked up,
 * as a caller's text must not be searched for in another: that can take minutes.
 */
function unsaid(context, talk) {
  const told = new Set(talk.flatMap(({ role, content }) => (role === "system" && isText(content) ? linesOf(content) : [])));
  return (context ?? []).filter(({ description, value }) => !linesOf(`${description}: ${value}`).every((line) => told.has(line)));
}

/** The lines of a text, without their numbers in a list. */
const linesOf = (text) => text.split("\n").map((line) => line.trim().replace(/^\w{1,6}\. /, ""));

/** The state that the page keeps for the agent it runs, null if it runs none. */
function stateOf({ agentSession, agentStates }) {
  const index = (agentStates ?? []).findIndex(({ agentName }) => agentName === agentSession?.agentName);
  return index < 0 ? null : parsed(agentStates[index].state, `${AT}.agentStates[${index}].state`);
}

/** Kinds of messages: the texts that they must have, and what they are as OpenAI's. An agent's state is for the page alone. */
const KINDS = {
  textMessage: [["role", "content"], ({ role, content }) => ({ role: role === "developer" ? "system" : role, content })],
  imageMessage: [["role", "format", "bytes"], ({ role, ...image }) => ({ role, content: [{ type: "image_url", image_url: { url: dataUrl(image) } }] })],
  actionExecutionMessage: [["name", "arguments"], (action, id) => calling(null, [call(id, action)])],
  resultMessage: [["actionExecutionId", "result"], ({ actionExecutionId, result }) => ({ role: "tool", tool_call_id: actionExecutionId, content: result })],
  agentStateMessage: [[], () => null],
};

const dataUrl = ({ format, bytes }) => `data:${format.includes("/") ? format : `image/${format}`};base64,${bytes}`;

/** What models are told of the talk: the calls of a turn in one message with its text. */
function history(given) {
  const all = (given ?? []).map((each, index) => messageOf(each, `${AT}.messages[${index}]`)).filter(Boolean);
  const talk = [];
  for (const { message } of paired(all.map((message) => ({ message })))) {
    if (message.tool_calls && talk.at(-1)?.role === "assistant") talk.push(joined(talk.pop(), message));
    else talk.push(message);
  }
  return talk;
}

const ROLES = ["user", "assistant", "system", "developer", "tool"];

function messageOf(given, at) {
  const kind = Object.keys(KINDS).find((each) => isObject(given[each]));
  if (kind === undefined) throw wrong(at, `must hold one of ${Object.keys(KINDS).join(", ")}`);
  const [texts, read] = KINDS[kind];
  for (const field of texts) if (!isText(given[kind][field])) throw wrong(`${at}.${kind}.${field}`, "must be a string");
  if (texts.includes("role") && !ROLES.includes(given[kind].role)) throw wrong(`${at}.${kind}.role`, `must be one of ${ROLES.join(", ")}`);
  if (kind === "actionExecutionMessage") checkId(given.id, `${at}.id`);
  return read(given[kind], given.id);
}

const call = (id, { name, arguments: text }) => ({ id, type: "function", function: { name, arguments: text } });
const calling = (content, calls) => ({ role: "assistant", content, tool_calls: calls });
const joined = ({ content, tool_calls: before = [] }, { tool_calls: calls }) => calling(content || null, [...before, ...calls]);
