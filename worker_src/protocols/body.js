import { EdgeError } from "../errors.js";

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
  const tooLarge = () => new EdgeError("request_too_large", `The body is larger than ${limit} bytes.`);
  if (Number(request.headers.get("content-length")) > limit) throw tooLarge();
  if (!request.body) return "";
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  const reader = request.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    size += part.value.byteLength;
    if (size > limit) {
      await reader.cancel();
      throw tooLarge();
    }
    text += decoder.decode(part.value, { stream: true });
  }
  return text + decoder.decode();
}
