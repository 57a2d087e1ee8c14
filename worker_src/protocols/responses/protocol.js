import { encodeAnswer } from "./answer.js";
import { decode } from "./decode.js";
import { encoder } from "./encoder.js";

/** OpenAI's Responses API. https://platform.openai.com/docs/api-reference/responses */
export const responses = {
  routes: [{ name: "responses", scope: "chat", endpoint: "/v1/responses", methods: ["POST"] }],
  decode,
  encodeAnswer,
  encoder,
};
