import { refusal } from "./body.js";
import { classify } from "./failure.js";

/**
 * A server that speaks OpenAI's chat completions and embeddings. Its address is fixed at deploy time: nothing in a request can
 * choose it, and redirects are not followed.
 * @returns {Promise<Response>} a successful response
 * @throws {UpstreamFailure}
 */
export async function openaiCompatible({ settings, target, chat, env, signal }) {
  const headers = { "content-type": "application/json", accept: chat.stream ? "text/event-stream" : "application/json" };
  if (settings.secret) headers.authorization = `Bearer ${env[settings.secret]}`;
  const body = JSON.stringify({
    ...chat.settings,
    model: target.model,
    ...(chat.texts ? { input: chat.texts } : { messages: chat.messages }),
    ...(chat.stream ? { stream: true, stream_options: { include_usage: true } } : {}),
  });
  const url = `${settings.base_url}/${chat.texts ? "embeddings" : "chat/completions"}`;
  const response = await fetch(url, { method: "POST", headers, body, signal, redirect: "manual" });
  if (response.ok) return response;
  throw classify(response.status >= 400 ? response.status : 502, { named: (await refusal(response))?.error?.code, response });
}
