/** The schema that tools are told of: the operations of CopilotKit 1.10, and what is of its own kind as JSON. https://spec.graphql.org/October2021/#sec-Introspection */

const named = (kind, name) => ({ kind, name, ofType: null });

/** A type as people write it: `String!`, `[Agent!]!`, `JSON`. */
function typeOf(text) {
  if (text.endsWith("!")) return { kind: "NON_NULL", name: null, ofType: typeOf(text.slice(0, -1)) };
  if (text.startsWith("[")) return { kind: "LIST", name: null, ofType: typeOf(text.slice(1, -1)) };
  return named(SCALARS.includes(text) ? "SCALAR" : "OBJECT", text);
}

const SCALARS = ["String", "Boolean", "JSON"];

const field = ([name, [type, args = {}]]) => ({
  name,
  description: null,
  args: Object.entries(args).map(([each, given]) => ({ name: each, description: null, type: typeOf(given), defaultValue: null })),
  type: typeOf(type),
  isDeprecated: false,
  deprecationReason: null,
});

const NOTHING = { description: null, specifiedByURL: null, fields: null, inputFields: null, interfaces: null, enumValues: null, possibleTypes: null };
const scalar = (name) => ({ ...NOTHING, kind: "SCALAR", name });
const object = (name, fields) => ({ ...NOTHING, kind: "OBJECT", name, fields: Object.entries(fields).map(field), interfaces: [] });

const AGENT = { id: ["String!"], name: ["String!"], description: ["String!"] };
const STATE = { threadId: ["String!"], threadExists: ["Boolean!"], state: ["String!"], messages: ["String!"] };
const RESPONSE = { threadId: ["String!"], runId: ["String"], status: ["JSON"], messages: ["[JSON!]!"], metaEvents: ["[JSON!]"], extensions: ["JSON"] };

export const SCHEMA = {
  queryType: { name: "Query" },
  mutationType: { name: "Mutation" },
  subscriptionType: null,
  directives: [],
  types: [
    ...SCALARS.map(scalar),
    object("Query", {
      hello: ["String!"],
      availableAgents: ["AgentsResponse!"],
      loadAgentState: ["LoadAgentStateResponse!", { data: "JSON!" }],
    }),
    object("Mutation", { generateCopilotResponse: ["CopilotResponse!", { data: "JSON!", properties: "JSON" }] }),
    object("AgentsResponse", { agents: ["[Agent!]!"] }),
    object("Agent", AGENT),
    object("LoadAgentStateResponse", STATE),
    object("CopilotResponse", RESPONSE),
  ],
};
