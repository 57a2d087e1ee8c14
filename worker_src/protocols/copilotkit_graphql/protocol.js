import { decode } from "./decode.js";
import { MULTIPART, encodeAnswer, encoder } from "./encoder.js";
import { page, speaks } from "./operations.js";

/** CopilotKit 1.10 and earlier: GraphQL whose answers come as multipart/mixed parts, or in one piece. */
export const copilotkitGraphql = {
  routes: [{ name: "copilotkit_graphql", scope: "chat", endpoint: "/copilotkit", methods: ["POST"] }],
  speaks,
  page,
  decode,
  encodeAnswer,
  encoder,
  stream: MULTIPART,
};
