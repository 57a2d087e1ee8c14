import { decode } from "./decode.js";
import { MULTIPART, encodeAnswer, encoder } from "./encoder.js";
import { page, speaks } from "./operations.js";

/**
 * CopilotKit 1.10 and earlier: GraphQL whose answers come as parts of multipart/mixed, or in one piece.
 * `speaks(body)` tells its requests from those of other protocols at the same path.
 */
export const copilotkitGraphql = {
  routes: [{ name: "copilotkit_graphql", scope: "chat", endpoint: "/copilotkit", methods: ["POST"], failure }],
  speaks,
  page,
  decode,
  encodeAnswer,
  encoder,
  stream: MULTIPART,
};

/** A refusal as a GraphQL error. Its client throws away what comes with 400 to 500, the reason too: those are told with 200. */
function failure({ message, status, headers, body }) {
  return Response.json({ errors: [{ message, extensions: body }], data: null }, { status: status > 500 ? status : 200, headers });
}
