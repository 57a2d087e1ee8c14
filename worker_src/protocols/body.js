import { EdgeError } from "../errors.js";

/** A caller who is cut while it sends never sees the refusal, so this many bytes too many are read and dropped. */
const MOST_DISCARDED = 33_554_432;

/** JSON schemas of tools are the deepest that callers send, and stay well below. */
const MOST_DEPTH = 64;

/**
 * Reads a request's JSON object, counting bytes as they arrive, whatever Content-Length says.
 * @param {Request} request
 * @param {number} limit bytes
 * @throws {EdgeError} request_too_large, invalid_json, invalid_request
 */
export async function readJson(request, limit) {
  const text = await readText(request, limit);
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new EdgeError("invalid_json", "The body is not valid JSON.");
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new EdgeError("invalid_request", "The body must be a JSON object.");
  }
  if (!fits(value, MOST_DEPTH)) {
    throw new EdgeError("invalid_request", `The body is nested more than ${MOST_DEPTH} levels deep.`);
  }
  return value;
}

/** Whether a value is nested at most `levels` deep; looks no deeper than that, so that nothing overflows the stack. */
function fits(value, levels) {
  if (value === null || typeof value !== "object") return true;
  return levels > 0 && Object.values(value).every((inner) => fits(inner, levels - 1));
}

async function readText(request, limit) {
  if (!request.body) return "";
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  const reader = request.body.getReader();
  for (let part = await next(reader); !part.done; part = await next(reader)) {
    size += part.value.byteLength;
    if (size > limit + MOST_DISCARDED) break;
    if (size <= limit) text += decoder.decode(part.value, { stream: true });
  }
  if (size <= limit) return text + decoder.decode();
  await reader.cancel().catch(() => {});
  throw new EdgeError("request_too_large", `The body is larger than ${limit} bytes.`);
}

async function next(reader) {
  try {
    return await reader.read();
  } catch {
    throw new EdgeError("invalid_request", "The body could not be read to its end.");
  }
}
