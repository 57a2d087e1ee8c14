import { refusal } from "./body.js";
import { UpstreamFailure, classify } from "./failure.js";

/**
 * Cloudflare Workers AI through the `AI` binding, always with `messages`.
 * @returns {Promise<Response>} a successful response
 * @throws {UpstreamFailure}
 */
export async function workersAi({ settings, target, chat, env, signal }) {
  const { max_completion_tokens: most, ...given } = chat.settings;
  const inputs = {
    ...given,
    ...(most && !given.max_tokens ? { max_tokens: most } : {}),
    messages: chat.messages.map(plain),
    ...(chat.stream ? { stream: true, stream_options: { include_usage: true } } : {}),
  };
  const options = { returnRawResponse: true, signal, ...(settings.gateway ? { gateway: { id: settings.gateway } } : {}) };
  let response;
  try {
    response = await env.AI.run(target.model, inputs, options);
  } catch (thrown) {
    throw fromThrown(thrown);
  }
  if (response.ok) return response;
  const told = await refusal(response);
  throw classify(response.status, { internal: told?.internalCode ?? told?.errors?.[0]?.code, response });
}

/** Workers AI wants text in every message; OpenAI clients leave it out beside tool calls. */
const plain = (message) => (message.content === undefined || message.content === null ? { ...message, content: "" } : message);

/** The binding throws text such as "InferenceUpstreamError: 3040: Capacity temporarily exceeded". */
function fromThrown(thrown) {
  const code = /(?:^|[^0-9])([35]\d{3}): /.exec(String(thrown?.message ?? thrown))?.[1];
  return code ? classify(502, { internal: Number(code) }) : new UpstreamFailure("network");
}
