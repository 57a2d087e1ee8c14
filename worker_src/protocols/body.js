import { EdgeError } from "../errors.js";
import { wrong } from "./checks.js";

/** A caller who is cut while it sends never sees the refusal, so this many bytes too many are read and dropped. */
const MOST_DISCARDED = 33_554_432;

/** JSON schemas of tools are the deepest that callers and models send, and stay well below. */
export const MOST_DEPTH = 64;

/**
 * Reads a request's JSON object.
 * @param {object} context
 * @param {number} limit bytes
 * @throws {EdgeError} request_too_large, invalid_json, invalid_request
 */
export async function readJson(context, limit) {
  return jsonObject(await readText(context, limit));
}

/**
 * A JSON object of a caller's text.
 * @throws {EdgeError} invalid_json, invalid_request
 */
export function jsonObject(text) {
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
  const broken = ESCAPED_HALF.test(text) ? halfIn(value) : null;
  if (broken !== null) throw wrong(broken.slice(1) || "body", "holds half a character (a lone UTF-16 surrogate): cut texts between characters");
  return value;
}

/** Halves of characters come as escapes only: UTF-8 has none. Most are pairs. */
const ESCAPED_HALF = /\\u[dD][89a-fA-F]/;

/** Where a text is that is not well formed, null if none is: servers of models fail at it, which would speak against them. */
function halfIn(value) {
  if (typeof value === "string") return value.isWellFormed() ? null : "";
  if (value === null || typeof value !== "object") return null;
  for (const [key, inner] of Object.entries(value)) {
    if (!key.isWellFormed()) return "";
    const found = halfIn(inner);
    if (found !== null) return `${Array.isArray(value) ? `[${key}]` : `.${key}`}${found}`;
  }
  return null;
}

/** Whether a value is nested at most `levels` deep; looks no deeper than that, so that nothing overflows the stack. */
export function fits(value, levels) {
  if (value === null || typeof value !== "object") return true;
  return levels > 0 && Object.values(value).every((inner) => fits(inner, levels - 1));
}

/**
 * A request's body as text, read once and kept: a signature is over it before it is decoded. Bytes are counted as they
 * arrive where no Content-Length tells them.
 * @throws {EdgeError} request_too_large, invalid_request
 */
export async function readText(context, limit) {
  context.body ??= await read(context.request, limit);
  return context.body;
}

async function read(request, limit) {
  if (!request.body) return "";
  const length = request.headers.get("content-length");
  // The runtime gives no more of a body than its Content-Length.
  return length !== null && Number(length) <= limit ? whole(request) : counted(request, limit);
}

async function whole(request) {
  try {
    return await request.text();
  } catch {
    throw unreadable();
  }
}

const unreadable = () => new EdgeError("invalid_request", "The body could not be read to its end.");

async function counted(request, limit) {
  let text;
  try {
    text = await textWithin(request.body, limit, MOST_DISCARDED);
  } catch {
    throw unreadable();
  }
  if (text === null) throw new EdgeError("request_too_large", `The body is larger than ${limit} bytes.`);
  return text;
}

/**
 * A body's text, its bytes counted as they arrive; null if they are more than `limit`. So many more are read and
 * `discarded` before the body is cancelled.
 */
export async function textWithin(body, limit, discarded = 0) {
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  const reader = body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    size += part.value.byteLength;
    if (size > limit + discarded) break;
    if (size <= limit) text += decoder.decode(part.value, { stream: true });
  }
  if (size <= limit) return text + decoder.decode();
  await reader.cancel().catch(() => {});
  return null;
}
