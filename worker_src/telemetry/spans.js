import { newSpanId } from "./trace.js";

/** OTLP 1: SpanKind, Status.StatusCode, and the flags of a span (bit 8: whether its parent is remote is known; bit 9: it is). */
const SERVER = 2;
const CLIENT = 3;
const FAILED = { code: 2 };
const SAMPLED = 0x101;
const REMOTE = 0x200;

/** Failures of a call that are its caller's doing and speak against nobody. */
const LEFT = "left";

/** Ends of a request of which nobody knows with what status it was answered, if at all. */
const UNTOLD = new Set(["client_closed_request", "run_interrupted"]);

/** How each type of upstream is called in `gen_ai.provider.name`. */
const PROVIDERS = { "openai-compatible": "openai", "workers-ai": "cloudflare.workers_ai" };

/**
 * The spans of a record of usage: the request as a span of kind SERVER, and each call of an upstream as a child of kind
 * CLIENT by the conventions for generative AI. Tokens stand at the calls only, so that nobody counts them twice. What a
 * conversation's summary used is told by its calls, beneath the turn that it is made for.
 * @param {object} config
 * @returns {(context: object, record: object, trace: object) => object[]} in OTLP's JSON; no text of a prompt or an answer
 */
export function spans(config) {
  const servers = Object.fromEntries(Object.entries(config.upstreams).map(([name, upstream]) => [name, serverOf(upstream)]));
  return (context, record, trace) => {
    const used = new Map(record.points.map((point) => [point.call, point]));
    const calls = record.calls.map((call) => callSpan(context, call, { trace, used: used.get(call) ?? {}, servers }));
    return record.points.at(-1).kind === "summary" ? calls : [requestSpan(context, record, trace), ...calls];
  };
}

function serverOf({ type, base_url: url }) {
  return { "gen_ai.provider.name": PROVIDERS[type], ...(url ? addressOf(new URL(url)) : {}) };
}

const addressOf = ({ hostname, port, protocol }) => ({ "server.address": hostname, "server.port": Number(port || (protocol === "https:" ? 443 : 80)) });

function requestSpan(context, { tenant, points }, { parentSpanId, ...ids }) {
  const { chat, started, facts, url } = context;
  const request = points.at(-1);
  // A stream that fails later has been begun with 200; who left before has been sent nothing.
  const status = request.begun ? 200 : UNTOLD.has(request.error) ? undefined : request.status;
  return span({
    ...ids,
    ...(parentSpanId ? { parentSpanId } : {}),
    flags: parentSpanId ? SAMPLED | REMOTE : SAMPLED,
    name: url ? `POST ${routeOf(url)}` : "conversation turn",
    kind: SERVER,
    status: request.outcome === "failed" && request.status >= 500 ? FAILED : {},
  }, started, request.total_ms, {
    ...(url ? { "http.request.method": "POST", "http.route": routeOf(url), "url.path": url.pathname, "url.scheme": url.protocol.slice(0, -1), ...addressOf(url) } : {}),
    "http.response.status_code": url ? status : undefined,
    "error.type": request.error,
    "gen_ai.conversation.id": conversationOf(context),
    "edgewright.request.id": request.request_id,
    "edgewright.tenant": tenant,
    "edgewright.client": request.key,
    "edgewright.protocol": request.protocol,
    "edgewright.model": request.model,
    "edgewright.target": request.target,
    "edgewright.cache.status": request.cache,
    "edgewright.outcome": request.outcome,
    "edgewright.attempts": request.attempts,
    "edgewright.fallback": chat ? request.fallback === 1 : undefined,
    "edgewright.stream": chat ? request.stream === 1 : undefined,
    "edgewright.first_byte_ms": request.begun ? request.first_byte_ms : undefined,
    "edgewright.cost": double(points.reduce((sum, { cost = 0 }) => sum + cost, 0)),
    "edgewright.saved": facts.cache ? double(request.saved ?? 0) : undefined,
    "edgewright.tokens_saved": facts.cache ? (request.tokens_saved ?? 0) : undefined,
  });
}

const routeOf = ({ pathname }) => pathname.replace(/\/+$/, "");
const conversationOf = ({ conversation, facts }) => conversation ?? facts.conversation;

function callSpan(context, call, { trace, used, servers }) {
  const [upstream] = call.target.split("/", 1);
  const model = call.target.slice(upstream.length + 1);
  const { stream, texts } = context.chat;
  const operation = texts ? "embeddings" : "chat";
  // When it was is not known of a call that was lost with the object of its conversation.
  const { started = context.started, ms } = call;
  return span({
    traceId: trace.traceId,
    spanId: newSpanId(),
    parentSpanId: trace.spanId,
    flags: SAMPLED,
    name: `${operation} ${model}`,
    kind: CLIENT,
    status: ["ok", LEFT].includes(call.outcome) ? {} : FAILED,
  }, started, ms ?? 0, {
    "gen_ai.operation.name": operation,
    ...servers[upstream],
    "gen_ai.request.model": model,
    "gen_ai.request.stream": stream ? true : undefined,
    "gen_ai.response.model": call.model,
    "gen_ai.response.finish_reasons": call.finish ? [call.finish] : undefined,
    "gen_ai.response.time_to_first_chunk": stream && Number.isFinite(call.first_ms) ? double(call.first_ms / 1000) : undefined,
    "gen_ai.usage.input_tokens": used.tokens_in,
    "gen_ai.usage.output_tokens": used.tokens_out,
    "gen_ai.usage.cache_read.input_tokens": used.tokens_cached || undefined,
    "gen_ai.usage.reasoning.output_tokens": used.tokens_reasoning || undefined,
    "gen_ai.conversation.id": conversationOf(context),
    "http.response.status_code": call.status,
    "error.type": call.outcome === "ok" ? undefined : call.outcome,
    "edgewright.upstream": upstream,
    "edgewright.estimated": used.call ? used.estimated === 1 : undefined,
    "edgewright.cost": used.call ? double(used.cost) : undefined,
    "edgewright.neurons": used.neurons ? double(used.neurons) : undefined,
  });
}

const span = (head, started, ms, attributes) => ({ ...head, startTimeUnixNano: nanoseconds(started), endTimeUnixNano: nanoseconds(started + ms), attributes: attributesOf(attributes) });

/** Milliseconds since the epoch as OTLP writes times: as text, since they are more than a number holds. */
const nanoseconds = (milliseconds) => `${milliseconds}000000`;

/** Attributes in OTLP's JSON; what is not known is left out. */
export const attributesOf = (values) =>
  Object.entries(values)
    .filter(([, value]) => value !== undefined && value !== null && value !== "")
    .map(([key, value]) => ({ key, value: valueOf(value) }));

const double = (value) => ({ doubleValue: value });

/** Numbers are whole here: a fraction comes as `double`. */
function valueOf(value) {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "number") return { intValue: String(value) };
  return Array.isArray(value) ? { arrayValue: { values: value.map(valueOf) } } : value;
}
