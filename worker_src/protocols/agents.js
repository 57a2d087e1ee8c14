import { EdgeError } from "../errors.js";
import { isAbsent, isObject } from "./checks.js";

/** Of an application's own properties, those that the model is told. */
const SETTINGS = { model: "model", temperature: "temperature", maxTokens: "max_tokens", stop: "stop", toolChoice: "tool_choice" };

/**
 * The agent that a front end asks for.
 * @throws {EdgeError} agent_not_found
 */
export function agentOf({ agents }, name) {
  if (!Object.hasOwn(agents, name)) throw new EdgeError("agent_not_found", `The agent '${name.slice(0, 128)}' does not exist.`);
  return agents[name];
}

/** What the stack says of the agent, and what the page says of itself, as the first message; none where neither does. */
export function instructions(agent, context = [], state = null) {
  const told = agent.instructions === null ? [] : [agent.instructions];
  if (context.length) told.push(`## Context from the application\n\n${context.map(({ description, value }) => `${description}:\n${value}`).join("\n\n")}`);
  const empty = state === null || (isObject(state) && Object.keys(state).length === 0);
  if (!empty) told.push(`## State of the application\n\n${JSON.stringify(state)}`);
  return told.length ? [{ role: "system", content: told.join("\n\n") }] : [];
}

/** Of the settings those that are given, by the page's name and the chat's. */
const known = (given) => Object.entries(SETTINGS).filter(([name]) => !isAbsent(given[name]));

/** Settings and model of a chat request: the page's properties, but the agent's own model. */
export function settingsOf(given, agent) {
  const props = given ?? {};
  const told = Object.fromEntries(known(props).map(([name, setting]) => [setting, props[name]]));
  return agent.model === null ? told : { ...told, model: agent.model };
}

/** What errors call the settings that came in a front end's properties `at`, for `named`; all, or those that are `given`. */
export function settingNames(at, given = SETTINGS) {
  return Object.fromEntries(known(given).map(([name, setting]) => [setting, `${at}.${name}`]));
}

/**
 * What models are told of a page's calls: none without its result and no result without its call, as they refuse a talk that has either. A run that
 * broke off may have left one behind.
 * @param {Array<{message: object}>} entries
 */
export function paired(entries) {
  const results = new Set(entries.map(({ message }) => message.tool_call_id));
  const made = new Set(entries.flatMap(({ message }) => (message.tool_calls ?? []).map(({ id }) => id)));
  return entries.flatMap((entry) => {
    const { tool_calls: calls, ...said } = entry.message;
    if (said.role === "tool") return made.has(said.tool_call_id) ? [entry] : [];
    if (!calls) return [entry];
    const answered = calls.filter(({ id }) => results.has(id));
    if (answered.length) return [{ ...entry, message: { ...said, tool_calls: answered } }];
    return said.content ? [{ ...entry, message: said }] : [];
  });
}

/** The tools that a page offers, none if its agent has none; without tools there is no choice of them. */
export function offered(agent, tools) {
  return agent.tools === "none" || tools.length === 0 ? { tool_choice: undefined } : { tools };
}
