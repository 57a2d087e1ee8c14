/**
 * Every refusal, in one table: code -> [status, OpenAI error type]. The codes are OpenAI's where one exists.
 * docs/reference/errors.md lists them; a test keeps it complete.
 */
export const CODES = Object.freeze({
  invalid_json: [400, "invalid_request_error"],
  invalid_request: [400, "invalid_request_error"],
  unsupported_parameter: [400, "invalid_request_error"],
  previous_response_not_found: [400, "invalid_request_error"],
  context_length_exceeded: [400, "invalid_request_error"],
  content_filter: [400, "invalid_request_error"],
  invalid_api_key: [401, "authentication_error"],
  invalid_drill: [403, "permission_error"],
  model_not_allowed: [403, "permission_error"],
  origin_not_allowed: [403, "permission_error"],
  route_not_allowed: [403, "permission_error"],
  conversation_busy: [409, "invalid_request_error"],
  run_stopped: [409, "invalid_request_error"],
  replay_expired: [410, "invalid_request_error"],
  idempotency_key_reused: [422, "invalid_request_error"],
  upgrade_required: [426, "invalid_request_error"],
  not_found: [404, "invalid_request_error"],
  agent_not_found: [404, "invalid_request_error"],
  model_not_found: [404, "invalid_request_error"],
  method_not_allowed: [405, "invalid_request_error"],
  request_too_large: [413, "invalid_request_error"],
  unsupported_media_type: [415, "invalid_request_error"],
  rate_limit_exceeded: [429, "rate_limit_error"],
  insufficient_quota: [429, "insufficient_quota"],
  client_closed_request: [499, "client_closed_request"],
  internal_error: [500, "server_error"],
  misconfigured: [500, "server_error"],
  upstream_error: [502, "server_error"],
  upstream_unavailable: [503, "server_error"],
  upstream_timeout: [504, "server_error"],
  run_interrupted: [502, "server_error"],
  conversation_unavailable: [503, "server_error"],
  usage_unavailable: [502, "server_error"],
  usage_timeout: [504, "server_error"],
  limits_unavailable: [503, "server_error"],
  stream_truncated: [502, "server_error"],
});

/** A refusal with a code of the table. `headers` go into the answer. */
export class EdgeError extends Error {
  /**
   * @param {keyof typeof CODES} code
   * @param {string} message for the caller; never an upstream's own text
   * @param {{param?: string|null, headers?: Record<string, string>, edge?: object|null}} [more] `edge` goes into the
   *   body, where headers come too late
   */
  constructor(code, message, { param = null, headers = {}, edge = null } = {}) {
    super(message);
    this.code = code;
    [this.status, this.type] = CODES[code];
    this.param = param;
    this.headers = headers;
    this.edge = edge;
  }

  /** The body in OpenAI's shape. */
  get body() {
    const error = { message: this.message, type: this.type, param: this.param, code: this.code };
    return this.edge ? { error, edge: this.edge } : { error };
  }
}

/**
 * Refuses a caller whose key leaves out the scope that a route asks for.
 * @param {string[]|null} routes of the key; null: all
 * @param {string} scope
 * @throws {EdgeError} route_not_allowed
 */
export function checkScope(routes, scope) {
  if (routes && !routes.includes(scope)) throw new EdgeError("route_not_allowed", `This key may not use this route: its 'routes' lack '${scope}'.`);
}

/** Any thrown value as an EdgeError; what is not one, nor can become one, is our own mistake and shows nothing of itself. */
export function asEdgeError(thrown) {
  if (thrown instanceof EdgeError) return thrown;
  if (thrown?.toEdgeError) return thrown.toEdgeError();
  console.error("unexpected", thrown?.stack ?? String(thrown));
  return new EdgeError("internal_error", "The proxy failed to handle this request.");
}

/** The answer to a refusal. */
export function errorResponse(error) {
  return Response.json(error.body, { status: error.status, headers: error.headers });
}
