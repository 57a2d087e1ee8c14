import { hex } from "../crypto/bytes.js";

/** W3C Trace Context, level 1: version, trace id, parent id, flags; what later versions add stands behind them. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NOTHING = /^0+$/;

/** Bits of a trace id that decide on sampling: as many as a number holds exactly, the last ones, which must be random. */
const RANDOM_DIGITS = 13;

/** A new id of so many bytes, in hex. */
const newId = (bytes) => hex(crypto.getRandomValues(new Uint8Array(bytes)));
export const newSpanId = () => newId(8);

/**
 * What a `traceparent` header names: `{traceId, spanId, sampled}`; null if it is none, is not valid, or comes twice.
 * @param {string|null} header
 */
export function parentOf(header) {
  const [, version, traceId, spanId, flags, more] = TRACEPARENT.exec(header ?? "") ?? [];
  const known = version !== undefined && version !== "ff" && (version !== "00" || more === undefined);
  if (!known || NOTHING.test(traceId) || NOTHING.test(spanId)) return null;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** Whether a trace belongs to a share of all: decided by its id, so that all who go by it decide alike. */
export const drawn = (traceId, ratio) => Number.parseInt(traceId.slice(-RANDOM_DIGITS), 16) / 16 ** RANDOM_DIGITS >= 1 - ratio;

/**
 * The traces of requests: a caller's trace goes on, and so does its decision on sampling; a new one is drawn.
 * @param {number} ratio share of new traces that are sampled, 0 to 1
 * @returns {(request: object) => {traceId: string, spanId: string, parentSpanId: string|undefined, sampled: boolean}} the same for
 *   the same request: a turn and the summary that is made for it belong to one trace
 */
export function traces(ratio) {
  const known = new WeakMap();
  return (request) => {
    if (!known.has(request)) known.set(request, begun(parentOf(request.headers.get("traceparent")), ratio));
    return known.get(request);
  };
}

function begun(parent, ratio) {
  const traceId = parent?.traceId ?? newId(16);
  return { traceId, spanId: newSpanId(), parentSpanId: parent?.spanId, sampled: parent?.sampled ?? drawn(traceId, ratio) };
}
