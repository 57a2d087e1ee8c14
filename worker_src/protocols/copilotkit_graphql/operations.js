import { EdgeError } from "../../errors.js";
import { agentOf } from "../agents.js";
import { SCHEMA } from "./schema.js";

/** The one operation that asks a model. */
const CHAT = "generateCopilotResponse";

/** The others: the value of each one's field, by its variables. The last stands in almost every query's text. */
const QUERIES = {
  availableAgents: (_, { agents }) => ({ agents: Object.keys(agents).map(described), __typename: "AgentsResponse" }),
  loadAgentState: ({ data }, config) => unknownThread(data ?? {}, config),
  hello: () => "Hello World",
  __schema: () => SCHEMA,
  __typename: () => "Query",
};
const NAMES = [CHAT, ...Object.keys(QUERIES)];

const described = (name) => ({ name, id: name, description: "", __typename: "Agent" });

/** The whole talk is sent with each turn, so that none is kept here. */
function unknownThread({ threadId, agentName }, config) {
  const param = "variables.data.agentName";
  if (typeof agentName !== "string") throw new EdgeError("invalid_request", `'${param}' must be a string.`, { param });
  agentOf(config, agentName);
  return { threadId: threadId ?? "", threadExists: false, state: "{}", messages: "[]", __typename: "LoadAgentStateResponse" };
}

/** Found by its name, or where that is none of CopilotKit's by the query's text. */
const operationOf = ({ operationName, query }) => NAMES.find((each) => each === operationName) ?? NAMES.find((each) => new RegExp(`\\b${each}\\b`).test(query));

/** Whether a body is GraphQL's. */
export const speaks = ({ operationName, query }) => typeof operationName === "string" || typeof query === "string";

/** Whether it is GraphQL's and asks a model. */
export const chats = (body) => speaks(body) && operationOf(body) === CHAT;

/**
 * The answer to an operation that asks no model.
 * @throws {EdgeError} invalid_request, agent_not_found
 */
export function queried(body, config) {
  const name = operationOf(body);
  if (name === undefined) {
    const message = `'operationName' must be one of ${CHAT}, availableAgents, loadAgentState, or the query must ask for one of them.`;
    throw new EdgeError("invalid_request", message, { param: "operationName" });
  }
  return Response.json({ data: { [name]: QUERIES[name](body.variables ?? {}, config) } }, { headers: { "cache-control": "no-store" } });
}
