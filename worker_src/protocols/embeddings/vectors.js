import { UpstreamFailure } from "../../upstream/failure.js";
import { CHARACTERS_A_TOKEN } from "../chat.js";

/**
 * Reads what models send for texts, OpenAI's list or Workers AI's `{shape, data}`, into a neutral answer that holds their vectors.
 * @param {unknown} body the parsed reply, with or without Cloudflare's `{result}` around it
 * @param {{texts: string[], settings: {dimensions?: number}}} request
 * @returns {{vectors: number[][], usage: object, estimated: boolean, finish_reason: "stop"}} in the order of the texts; `estimated`: whether
 *   the usage was counted here
 * @throws {UpstreamFailure} malformed; bad_request: of another length than was asked for, by a server that does not know `dimensions`
 */
export function readVectors(body, { texts, settings: { dimensions } }) {
  const { data, usage } = body?.result ?? body ?? {};
  if (!Array.isArray(data)) throw new UpstreamFailure("malformed");
  const vectors = ordered(data).map((item) => item?.embedding ?? item);
  if (vectors.length !== texts.length || !vectors.every(isVector)) throw new UpstreamFailure("malformed");
  if (dimensions && !vectors.every(({ length }) => length === dimensions)) throw new UpstreamFailure("bad_request");
  const told = Number.isInteger(usage?.prompt_tokens) && usage.prompt_tokens >= 0;
  const tokens = told ? usage.prompt_tokens : estimate(texts);
  return { vectors, usage: { prompt_tokens: tokens, total_tokens: tokens }, estimated: !told, finish_reason: "stop" };
}

/** OpenAI numbers them, and a server may send them in any order. */
const ordered = (data) => (data.every((item) => Number.isInteger(item?.index)) ? data.toSorted((one, other) => one.index - other.index) : data);

const isVector = (vector) => Array.isArray(vector) && vector.length > 0 && vector.every(Number.isFinite);

const estimate = (texts) => texts.reduce((sum, text) => sum + Math.ceil(text.length / CHARACTERS_A_TOKEN), 0);
