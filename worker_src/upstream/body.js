import { MOST_DEPTH, fits } from "../protocols/body.js";
import { UpstreamFailure } from "./failure.js";

/** A whole answer is held in memory while it is read; no model's is longer. */
const MOST_BYTES = 33_554_432;

/**
 * The JSON of a response, bounded whatever its Content-Length says.
 * @throws {UpstreamFailure} malformed
 */
export async function readJson(response) {
  const length = Number(response.headers.get("content-length") ?? Number.NaN);
  const text = length <= MOST_BYTES ? await response.text() : await pieces(response.body);
  const value = parsed(text);
  // JSON.parse reads any depth, but what is written again must not overflow the stack.
  if (!fits(value, MOST_DEPTH)) throw new UpstreamFailure("malformed");
  return value;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new UpstreamFailure("malformed");
  }
}

async function pieces(body) {
  if (!body) return "";
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    size += part.value.byteLength;
    if (size > MOST_BYTES) {
      void reader.cancel().catch(() => {});
      throw new UpstreamFailure("malformed");
    }
    text += decoder.decode(part.value, { stream: true });
  }
  return text + decoder.decode();
}

/** The JSON of a refusal, null if it has none: its codes help to classify it, nothing of it is shown. */
export async function refusal(response) {
  try {
    return await readJson(response);
  } catch {
    return null;
  }
}
