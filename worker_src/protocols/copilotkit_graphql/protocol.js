import { readJson } from "../body.js";
import { decode } from "./decode.js";
import { MULTIPART, encodeAnswer, encoder } from "./encoder.js";
import { chats, queried, speaks } from "./operations.js";

/** What its client, and no other, sends with each request. */
const MARK = "x-copilotkit-runtime-client-gql-version";

/** A refusal as a GraphQL error. Its client throws away what comes with 400 to 500, the reason too: those are told with 200. */
const failure = ({ message, status, headers, body }) =>
  Response.json({ errors: [{ message, extensions: body }], data: null }, { status: status > 500 ? status : 200, headers });

const PATH = { scope: "chat", endpoint: "/copilotkit", methods: ["POST"], failure, marked: (headers) => headers.has(MARK) };

/** CopilotKit 1.10 and earlier: GraphQL whose answers come as parts of multipart/mixed, or in one piece. */
export const copilotkitGraphql = {
  routes: [
    { ...PATH, name: "copilotkit_graphql", known: "the GraphQL operation 'generateCopilotResponse'", claims: chats },
    { ...PATH, name: "copilotkit_graphql_query", known: "another GraphQL 'query'", claims: speaks, aside: true },
  ],
  pages: (config) => ({ copilotkit_graphql_query: async (context) => queried(await readJson(context, config.limits.max_body_bytes), config) }),
  decode,
  encodeAnswer,
  encoder,
  stream: MULTIPART,
};
