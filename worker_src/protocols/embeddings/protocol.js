import { decode } from "./decode.js";
import { encodeAnswer } from "./encode.js";

/** OpenAI's embeddings: texts in, their vectors out. https://platform.openai.com/docs/api-reference/embeddings */
export const embeddings = {
  routes: [{ name: "embeddings", scope: "embeddings", endpoint: "/v1/embeddings", methods: ["POST"] }],
  decode,
  encodeAnswer,
};
