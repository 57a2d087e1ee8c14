/** Anthropic's types of errors, by status; its SDKs choose their exception by the status. https://platform.claude.com/docs/en/api/errors */
const TYPES = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  409: "conflict_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
  504: "timeout_error",
};

const typeOf = (status) => TYPES[status] ?? (status >= 500 ? "api_error" : "invalid_request_error");

/**
 * What the SDKs go on without by themselves: they hold a conversation's state on the server where that offers it, and
 * send all of it where it says so by this code.
 */
const codeOf = ({ code, param }) => (param === "thread" ? "thread_unsupported_request" : code);

/** An error's body in Anthropic's shape; the SDKs show `details.error_code` as `error_code`. */
export function errorBody(error) {
  const details = { error_code: codeOf(error), ...(error.param ? { param: error.param } : {}) };
  return { type: "error", error: { type: typeOf(error.status), message: error.message, details }, ...(error.edge ? { edge: error.edge } : {}) };
}

/** The answer to a refused request. */
export const failure = (error, id) => Response.json({ ...errorBody(error), request_id: id }, { status: error.status, headers: error.headers });
