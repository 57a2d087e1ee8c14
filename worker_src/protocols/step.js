import { EdgeError } from "../errors.js";
import { readJson } from "./body.js";

/**
 * Decodes the request into the neutral chat, lets the rest of the pipeline answer it, and encodes the outcome.
 * Steps after this one return neutral outcomes: `{answer}` or `{events}` (an async iterable of lists of events).
 * @throws {EdgeError} what is wrong with the request
 */
export function decode(config, protocols, streaming) {
  const protocol = protocols.openai;
  const relay = streaming?.(config);
  return async (context, next) => {
    const body = await readJson(context.request, config.limits.max_body_bytes);
    const chat = protocol.decode(body, config, context.caller);
    if (chat.stream && !relay) {
      throw new EdgeError("unsupported_parameter", "Streaming is off on this proxy.", { param: "stream" });
    }
    context.chat = chat;
    const outcome = await next();
    if (outcome.events) return relay(context, outcome.events, protocol.encoder(chat));
    return Response.json(protocol.encodeAnswer(outcome.answer, chat), { headers: { "cache-control": "no-store" } });
  };
}
