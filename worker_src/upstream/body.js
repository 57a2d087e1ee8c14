import { MOST_DEPTH, fits, textWithin } from "../protocols/body.js";
import { UpstreamFailure } from "./failure.js";

/** A whole answer is held in memory while it is read; no model's is longer. */
const MOST_BYTES = 33_554_432;

/** How long the body of a refusal is waited for. */
const REFUSAL_MS = 1_000;

/**
 * The JSON of a response, bounded whatever its Content-Length says.
 * @throws {UpstreamFailure} malformed
 */
export async function readJson(response) {
  const length = Number(response.headers.get("content-length") ?? Number.NaN);
  const whole = length <= MOST_BYTES || !response.body;
  const value = parsed(whole ? await response.text() : await textWithin(response.body, MOST_BYTES));
  // JSON.parse reads any depth, but what is written again must not overflow the stack.
  if (!fits(value, MOST_DEPTH)) throw new UpstreamFailure("malformed");
  return value;
}

function parsed(text) {
  if (text === null) throw new UpstreamFailure("malformed");
  try {
    return JSON.parse(text);
  } catch {
    throw new UpstreamFailure("malformed");
  }
}

/**
 * The JSON of a refusal, null if it has none or does not end: its codes help to classify it, nothing of it is shown, and
 * its status says enough without.
 */
export async function refusal(response) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, REFUSAL_MS, null);
  });
  try {
    return await Promise.race([readJson(response), late]);
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}
