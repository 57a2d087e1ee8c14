import { encodeAnswer, encodeKept } from "./answer.js";
import { decode } from "./decode.js";
import { encoder } from "./encoder.js";
import { placeOf } from "./ids.js";

/** OpenAI's Responses API. https://platform.openai.com/docs/api-reference/responses */
export const responses = {
  routes: [{ name: "responses", scope: "chat", endpoint: "/v1/responses", methods: ["POST"] }],
  decode,
  encodeAnswer,
  encoder,
  kept: {
    routes: [
      { name: "response", scope: "conversations", endpoint: "/v1/responses/{id}", methods: ["GET", "DELETE"] },
      { name: "cancel_response", scope: "conversations", endpoint: "/v1/responses/{id}/cancel", methods: ["POST"] },
    ],
    placeOf,
    encode: encodeKept,
  },
};
