import { asEdgeError, errorResponse } from "./errors.js";

const MOST_DRAINED = 65_536;

/**
 * The outermost step: turns what was thrown into an answer, and puts the headers that every answer carries on it.
 * Errors become HTTP here and nowhere else.
 */
export async function envelope(context, next) {
  let response;
  try {
    response = await next();
  } catch (thrown) {
    await drain(context.request);
    response = (context.route?.failure ?? errorResponse)(asEdgeError(thrown), context.id);
  }
  const answer = context.request.method === "HEAD" ? new Response(null, response) : response;
  answer.headers.set("x-request-id", context.id);
  if (context.route?.id_header) answer.headers.set(context.route.id_header, context.id);
  answer.headers.set("x-edge-version", (context.env.CONTENT_HASH ?? "").slice(0, 16));
  // Secrets and bindings are not in the hash: two versions may share it, and a rollout must tell them apart.
  if (context.env.VERSION) answer.headers.set("x-edge-version-id", context.env.VERSION.id);
  if (context.chat) factHeaders(answer.headers, context);
  return answer;
}

/** A refusal that leaves the body unread may cost the caller its connection; a short one is read to its end. */
async function drain(request) {
  const length = Number(request.headers.get("content-length") ?? Number.NaN);
  if (request.body && !request.bodyUsed && length <= MOST_DRAINED) await request.arrayBuffer().catch(() => {});
}

function factHeaders(headers, { facts, chat, drill, started }) {
  headers.set("x-edge-model", chat.model);
  headers.set("x-edge-attempts", String(facts.calls.length));
  headers.set("x-edge-targets", String(chat.targets.length));
  if (facts.target) headers.set("x-edge-target", facts.target);
  if (facts.cache) headers.set("x-edge-cache", facts.cache);
  if (facts.age !== null) headers.set("age", String(facts.age));
  if (drill) headers.set("x-edge-drill", drill.fault);
  for (const [name, value] of Object.entries(facts.headers)) headers.set(name, value);
  for (const name of ["conversation", "run", "previous"]) if (facts[name]) headers.set(`x-edge-${name}`, facts[name]);
  const timings = [`edge;dur=${Date.now() - started}`];
  if (facts.cache) timings.push(`cache;desc=${facts.cache}`);
  if (facts.upstream_ms !== null) timings.push(`upstream;dur=${facts.upstream_ms}`);
  for (const told of facts.breaker) timings.push(`breaker;desc="${told}"`);
  headers.set("server-timing", timings.join(", "));
}
