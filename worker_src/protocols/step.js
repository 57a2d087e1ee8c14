import { EdgeError } from "../errors.js";
import { readJson } from "./body.js";

const WHOLE = { "content-type": "application/json", "cache-control": "no-store" };
/** Headers of a stream of events. */
export const STREAM = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache, no-transform" };

/**
 * Front ends' protocols, each a folder: `{routes, decode(body, config, caller, route, headers), encodeAnswer?(answer, chat), encoder?(chat), stream?, kept?,
 * pages?(config, {threads, relay})}`. `pages` answers those of its routes that ask no model, by name; `threads(context)` are the caller's
 * conversations, undefined where the stack keeps none; `kept` is of answers that have an address (sessions/kept.js).
 * An encoder is `{encode(event), end, quiet?: {after, text}}`, `stream` the headers of its streams where they are not those of events.
 *
 * Decodes the request into the neutral chat, lets the rest of the pipeline answer it, and encodes the outcome.
 * Steps after this one return neutral outcomes: `{answer}` or `{events}` (an async iterator of lists of events).
 * @throws {EdgeError} what is wrong with the request
 */
export function decode(config, protocols, relay) {
  const byRoute = new Map(Object.entries(protocols).flatMap(([name, protocol]) => protocol.routes.map((route) => [route.name, [name, protocol]])));
  return async (context, next) => {
    const body = await readJson(context, config.limits.max_body_bytes);
    const [name, protocol] = byRoute.get(context.route.name);
    const chat = protocol.decode(body, config, context.caller, context.route, context.request.headers);
    if (chat.stream && !relay) {
      throw new EdgeError("unsupported_parameter", "Streaming is off on this proxy.", { param: "stream" });
    }
    context.chat = Object.assign(chat, { protocol: name });
    const { events, answer } = await next();
    if (events) return new Response(relay(events, protocol.encoder(chat)), { headers: protocol.stream ?? STREAM });
    return new Response(JSON.stringify(protocol.encodeAnswer(answer, chat)), { headers: WHOLE });
  };
}
