import { encodeAnswer } from "./answer.js";
import { countTokens, decode } from "./decode.js";
import { encoder } from "./encoder.js";
import { failure } from "./errors.js";

const POST = { scope: "chat", methods: ["POST"], failure, id_header: "request-id" };

/** Anthropic's Messages, as its SDKs speak them. https://platform.claude.com/docs/en/api/messages */
export const anthropic = {
  routes: [
    { ...POST, name: "messages", endpoint: "/v1/messages" },
    { ...POST, name: "count_tokens", endpoint: "/v1/messages/count_tokens", aside: true },
  ],
  pages: () => ({ count_tokens: countTokens }),
  decode,
  encodeAnswer,
  encoder,
};
