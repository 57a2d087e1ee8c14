import { EdgeError } from "../errors.js";
import { isObject } from "./checks.js";

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

/** Settings and model of a chat request: the page's properties, but the agent's own model. */
export function settingsOf(given, agent) {
  const props = given ?? {};
  const known = Object.entries(SETTINGS).filter(([name]) => props[name] !== undefined && props[name] !== null);
  const told = Object.fromEntries(known.map(([name, setting]) => [setting, props[name]]));
  return agent.model === null ? told : { ...told, model: agent.model };
}

/** The tools that a page offers, none if its agent has none; without tools there is no choice of them. */
export function offered(agent, tools) {
  return agent.tools === "none" || tools.length === 0 ? { tool_choice: undefined } : { tools };
}
