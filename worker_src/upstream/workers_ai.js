import { refusal } from "./body.js";
import { UpstreamFailure, classify } from "./failure.js";

/**
 * Cloudflare Workers AI through the `AI` binding, chats always with `messages`.
 * @returns {Promise<Response>} a successful response
 * @throws {UpstreamFailure}
 */
export async function workersAi({ settings, target, chat, env, signal }) {
  const inputs = chat.texts ? { text: chat.texts } : chatInputs(chat, target.capabilities ?? {});
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

function chatInputs({ messages, settings, stream }, { beside, ...shape }) {
  const { max_completion_tokens: most, response_format: format, ...given } = settings;
  return {
    ...given,
    ...(most && !given.max_tokens ? { max_tokens: most } : {}),
    ...(format ? formatted(format, shape) : {}),
    ...(beside ? parted(messages) : { messages: messages.map(plain) }),
    ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
  };
}

/** The older models take a JSON schema as it is, where OpenAI names and wraps it; and text is what they answer anyhow. */
function formatted(format, { native, guided }) {
  if (!native && !guided) return { response_format: format };
  const { type, json_schema: given } = format;
  const schema = given?.schema ?? given;
  if (guided) return schema ? { guided_json: schema } : {};
  return type === "text" ? {} : { response_format: { type, ...(schema ? { json_schema: schema } : {}) } };
}

/** Messages as text, and the bytes of the one image in them beside. */
function parted(messages) {
  const parts = messages.flatMap(({ content }) => (Array.isArray(content) ? content : []));
  const image = parts.find(({ type }) => type === "image_url")?.image_url.url;
  const text = (content) => content.map((part) => part.text ?? "").join("");
  const told = messages.map((message) => (Array.isArray(message.content) ? { ...message, content: text(message.content) } : plain(message)));
  return { messages: told, ...(image ? { image: bytesOf(image) } : {}) };
}

function bytesOf(url) {
  try {
    return Array.from(atob(url.slice(url.indexOf(",") + 1)), (byte) => byte.charCodeAt(0));
  } catch {
    throw new UpstreamFailure("bad_request");
  }
}

/** Workers AI wants text in every message; OpenAI clients leave it out beside tool calls. */
const plain = (message) => (message.content === undefined || message.content === null ? { ...message, content: "" } : message);

/** The binding throws text such as "InferenceUpstreamError: 3040: Capacity temporarily exceeded". */
function fromThrown(thrown) {
  const code = /(?:^|[^0-9])([35]\d{3}): /.exec(String(thrown?.message ?? thrown))?.[1];
  return code ? classify(502, { internal: Number(code) }) : new UpstreamFailure("network");
}
