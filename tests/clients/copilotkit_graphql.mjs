// The client of CopilotKit 1.10 against the proxy: a scenario a line of stdin, what it saw a line of stdout.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

// Its ES module cannot parse arguments in Node (a default import of a CommonJS package); the CommonJS one can, and so can bundlers.
const require = createRequire(import.meta.url);
const { buildClientSchema, getIntrospectionQuery } = require("graphql");
const { CopilotRuntimeClient, convertGqlOutputToMessages } = require("@copilotkit/runtime-client-gql");

/** What it aborts with, as a browser does: for any other reason it tells its page of an error. */
const LEFT = new DOMException("signal is aborted without reason", "AbortError");

function client({ url, key }, seen) {
  return new CopilotRuntimeClient({
    url,
    headers: { authorization: `Bearer ${key}` },
    handleGQLErrors: (error) => seen.errors.push(...(error.graphQLErrors ?? [error])),
    handleGQLWarning: (message) => seen.warnings.push(message),
  });
}

/** One answer: `texts` after each part, `messages` and `status` at the end; `leave`: after so many parts. */
async function chat(scenario, seen) {
  const abort = new AbortController();
  const asked = client(scenario, seen);
  const { data, properties = {} } = scenario;
  const reader = asked.asStream(asked.generateCopilotResponse({ data, properties, signal: abort.signal })).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const { messages, status, threadId } = part.value.generateCopilotResponse;
    Object.assign(seen, { messages: convertGqlOutputToMessages(messages), status, threadId });
    seen.texts.push(seen.messages.map(({ content = "" }) => content).join(""));
    if (seen.texts.length === scenario.leave) abort.abort(LEFT);
  }
}

const query = (name) => async (scenario, seen) => {
  const { data, error } = await client(scenario, seen)[name](scenario.data).toPromise();
  Object.assign(seen, { data: data?.[name] ?? null, error: error?.message ?? null });
};

/** What a tool knows of the schema: names of the types, and of the operations. */
async function introspect({ url, key }, seen) {
  const headers = { "content-type": "application/json", authorization: `Bearer ${key}` };
  const body = JSON.stringify({ operationName: "IntrospectionQuery", query: getIntrospectionQuery() });
  const { data } = await (await fetch(url, { method: "POST", headers, body })).json();
  const schema = buildClientSchema(data);
  Object.assign(seen, { data: [schema.getQueryType(), schema.getMutationType()].map((type) => Object.keys(type.getFields())) });
}

const HOW = { chat, introspect, availableAgents: query("availableAgents"), loadAgentState: query("loadAgentState") };

for await (const line of createInterface({ input: process.stdin })) {
  const scenario = JSON.parse(line);
  const seen = { texts: [], errors: [], warnings: [], messages: [], status: null };
  await HOW[scenario.how](scenario, seen).catch((error) => Object.assign(seen, { thrown: error.message }));
  console.log(JSON.stringify(seen));
}
process.exit(0);
