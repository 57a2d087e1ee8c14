import { EdgeError } from "../errors.js";

const HEADER = "x-edge-deadline-ms";

/**
 * When a request's time is up, in milliseconds since the epoch: the stack's limit, or less if the caller asks so.
 * @param {object} context
 * @param {number} most milliseconds
 * @throws {EdgeError} invalid_request
 */
export function deadline(context, most) {
  const asked = context.request.headers.get(HEADER);
  if (asked === null) return context.started + most;
  if (!/^[1-9]\d{0,8}$/.test(asked)) {
    throw new EdgeError("invalid_request", `The header ${HEADER} must be a whole number of milliseconds.`, { param: HEADER });
  }
  return context.started + Math.min(most, Number(asked));
}
