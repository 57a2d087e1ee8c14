// One call of the CopilotKit 1.10 client: the request as JSON on stdin, what the client saw as JSON on stdout.
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

// Its ES module cannot parse arguments in Node (a default import of a CommonJS package); bundlers and the CommonJS form can.
const { CopilotRuntimeClient, convertGqlOutputToMessages } = createRequire(import.meta.url)("@copilotkit/runtime-client-gql");

const { url, key, headers = {}, operation = "generateCopilotResponse", data, properties = {}, leave_after: leaveAfter = Infinity } = JSON.parse(await text(process.stdin));
const seen = { texts: [], errors: [], warnings: [], response: null, messages: null };
const client = new CopilotRuntimeClient({
  url,
  headers: { ...(key ? { authorization: `Bearer ${key}` } : {}), ...headers },
  handleGQLErrors: (error) => seen.errors.push({ message: error.message, graphql: (error.graphQLErrors ?? []).map(({ message, extensions }) => ({ message, extensions })) }),
  handleGQLWarning: (message) => seen.warnings.push(message),
});

async function chat() {
  const abort = new AbortController();
  const reader = client.asStream(client.generateCopilotResponse({ data, properties, signal: abort.signal })).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    seen.response = part.value.generateCopilotResponse;
    seen.messages = convertGqlOutputToMessages(seen.response.messages);
    seen.texts.push(seen.messages.map(({ content = "" }) => content).join("|"));
    if (seen.texts.length === leaveAfter) abort.abort("signal is aborted without reason");
  }
}

const operations = {
  generateCopilotResponse: chat,
  availableAgents: async () => Object.assign(seen, await client.availableAgents().toPromise().then(({ data: found, error }) => ({ data: found, error: error?.message }))),
  loadAgentState: async () => Object.assign(seen, await client.loadAgentState(data).toPromise().then(({ data: found, error }) => ({ data: found, error: error?.message }))),
};
try {
  await operations[operation]();
} catch (error) {
  seen.thrown = error?.message ?? String(error);
}
process.stdout.write(JSON.stringify(seen), () => process.exit(0));
