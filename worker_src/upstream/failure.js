import { CODES, EdgeError } from "../errors.js";

/**
 * Why a target failed, and what follows: may the same target be tried again, may the next one be tried, does it speak
 * against the target's health, and what the caller is told if nothing answers. Workers AI codes are those of its error
 * table (copilotedge facts 7.3).
 */
export const KINDS = Object.freeze({
  network: { retry: true, next: true, ill: true, code: "upstream_unavailable" },
  timeout: { retry: false, next: true, ill: true, code: "upstream_timeout" },
  unavailable: { retry: true, next: true, ill: true, code: "upstream_unavailable" },
  capacity: { retry: true, next: true, ill: true, code: "upstream_unavailable" },
  rate_limited: { retry: true, next: true, ill: true, code: "rate_limit_exceeded" },
  quota: { retry: false, next: true, ill: true, code: "insufficient_quota" },
  no_such_model: { retry: false, next: true, ill: true, code: "upstream_error" },
  refused_key: { retry: false, next: true, ill: true, code: "upstream_error" },
  context_length: { retry: false, next: true, ill: false, code: "context_length_exceeded" },
  filtered: { retry: false, next: false, ill: false, code: "content_filter" },
  bad_request: { retry: false, next: false, ill: false, code: "invalid_request" },
  malformed: { retry: true, next: true, ill: true, code: "upstream_error" },
  truncated: { retry: true, next: true, ill: true, code: "stream_truncated" },
  deadline: { retry: false, next: true, ill: false, code: "upstream_timeout" },
  left: { retry: false, next: false, ill: false, code: "client_closed_request" },
});

const MESSAGES = {
  upstream_unavailable: "No model could answer just now; try again.",
  upstream_timeout: "The model did not answer in time.",
  rate_limit_exceeded: "The model's rate limit is reached; try again later.",
  insufficient_quota: "The model's quota is used up.",
  upstream_error: "The model failed to answer.",
  context_length_exceeded: "The messages are longer than the model's context.",
  invalid_request: "The model does not accept this request.",
  stream_truncated: "The model's answer broke off before its end.",
  content_filter: "The model's content filter refuses this request.",
  client_closed_request: "The caller has left.",
};

const BY_CODE = {
  3003: "bad_request", 3006: "context_length", 3007: "timeout", 3008: "timeout", 3023: "refused_key",
  3036: "quota", 3039: "bad_request", 3040: "capacity", 3041: "refused_key", 3042: "no_such_model",
  5004: "bad_request", 5005: "bad_request", 5007: "no_such_model", 5016: "refused_key", 5018: "refused_key",
  5019: "bad_request",
};

const BY_STATUS = {
  400: "bad_request", 401: "refused_key", 403: "refused_key", 404: "no_such_model", 405: "bad_request",
  408: "timeout", 413: "context_length", 422: "bad_request", 429: "rate_limited", 504: "timeout",
};

const NAMED = { context_length_exceeded: "context_length", content_filter: "filtered", insufficient_quota: "quota", model_not_found: "no_such_model" };

/** A target's failure. `retryAfter` is milliseconds the target asked to wait, `status` its HTTP status; null if there was none. */
export class UpstreamFailure extends Error {
  /** What the calls before it did, where the caller cannot see it in headers any more (set by continuation). */
  edge = null;

  constructor(kind, { retryAfter = null, status = null } = {}) {
    super(kind);
    this.kind = kind;
    this.rule = KINDS[kind];
    this.retryAfter = retryAfter;
    this.status = status;
  }

  /** What the caller is told; the upstream's own words stay here. */
  toEdgeError() {
    const { code } = this.rule;
    const [status] = CODES[code];
    const wait = this.rule.retry && [429, 503].includes(status);
    const headers = wait ? { "retry-after": String(Math.ceil((this.retryAfter ?? 1000) / 1000)) } : {};
    return new EdgeError(code, MESSAGES[code], { headers, edge: this.edge });
  }
}

/**
 * Classifies an upstream's refusal by its codes first and its status second.
 * @param {number} httpStatus
 * @param {{internal?: number|null, named?: string|null, response?: Response}} [details]
 */
export function classify(httpStatus, { internal = null, named = null, response } = {}) {
  const kind = BY_CODE[internal] ?? NAMED[named] ?? BY_STATUS[httpStatus] ?? (httpStatus >= 500 ? "unavailable" : "bad_request");
  return new UpstreamFailure(kind, { retryAfter: retryAfter(response?.headers), status: response?.status });
}

/** Milliseconds of `Retry-After-Ms` or `Retry-After` (seconds or a date); null if absent or unreadable. */
export function retryAfter(headers) {
  const exact = Number(headers?.get("retry-after-ms") ?? Number.NaN);
  if (Number.isFinite(exact)) return bounded(exact);
  const text = headers?.get("retry-after");
  if (!text) return null;
  const milliseconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(milliseconds) ? bounded(milliseconds) : null;
}

const DAY = 86_400_000;
const bounded = (milliseconds) => Math.min(DAY, Math.max(0, milliseconds));
