import { EdgeError } from "../../errors.js";
import { agentOf } from "../agents.js";

/** The one operation that asks a model. */
const CHAT = "generateCopilotResponse";

const introspection = () => {
  throw new EdgeError("unsupported_parameter", "This proxy does not describe its schema: it answers the operations of CopilotKit 1.10.", { param: "query" });
};

/** The others, answered at once: what each is told of, and its field's value. The last is in almost every query's text. */
const PAGES = {
  availableAgents: (_, { agents }) => ({ agents: Object.keys(agents).map(described), __typename: "AgentsResponse" }),
  loadAgentState: ({ data }, config) => unknownThread(data ?? {}, config),
  hello: () => "Hello World",
  __schema: introspection,
  __type: introspection,
  __typename: () => "Query",
};

const described = (name) => ({ name, id: name, description: "", __typename: "Agent" });

/** The whole talk is sent with each turn, so that none is kept here. */
function unknownThread({ threadId, agentName }, config) {
  if (typeof agentName !== "string") throw new EdgeError("invalid_request", "'variables.data.agentName' must be a string.", { param: "variables.data.agentName" });
  agentOf(config, agentName);
  return { threadId: threadId ?? "", threadExists: false, state: "{}", messages: "[]", __typename: "LoadAgentStateResponse" };
}

/** Whether a body is GraphQL's, where a path has several protocols. */
export const speaks = ({ operationName, query }) => typeof operationName === "string" || typeof query === "string";

/**
 * An operation's answer, null for the chat: found by its name, or where that is not one of CopilotKit's by its query's text.
 * @throws {EdgeError} invalid_request, unsupported_parameter, agent_not_found
 */
export function page({ operationName, query, variables }, config) {
  const names = [CHAT, ...Object.keys(PAGES)];
  const name = names.find((each) => each === operationName) ?? names.find((each) => new RegExp(`\\b${each}\\b`).test(query));
  if (name === undefined) {
    const message = `'operationName' must be one of ${CHAT}, availableAgents, loadAgentState, or the query must ask for one of them.`;
    throw new EdgeError("invalid_request", message, { param: "operationName" });
  }
  if (name === CHAT) return null;
  return Response.json({ data: { [name]: PAGES[name](variables ?? {}, config) } }, { headers: { "cache-control": "no-store" } });
}
