import { EdgeError } from "../errors.js";

/** Parts of messages that every model reads, and those that have an ability of their own; all others are files. */
const PARTS = new Set(["text", "refusal", "image_url", "input_audio"]);

/**
 * What a request may ask of a model, by ability: the name of its part that asks for it (null if none does), the ability in words, and for
 * one of how much whether a bound fits the request.
 * @type {Record<string, [param: (request: object) => string|null|undefined, words: string, fits?: (bound: unknown, request: object) => boolean]>}
 */
const ASKS = {
  chat: [({ texts }) => (texts ? null : "model"), "chat; its vectors are at /v1/embeddings"],
  embeddings: [({ texts }) => (texts ? "model" : null), "turn texts into vectors; it chats"],
  tools: [({ settings }) => ["tools", "functions"].find((name) => settings[name]?.length), "call tools"],
  json_mode: [formatted("json_object"), "answer in JSON mode"],
  json_schema: [formatted("json_schema"), "answer by a JSON schema"],
  vision: [part(isImage), "see images"],
  image_urls: [part((each) => isImage(each) && !String(each.image_url?.url).startsWith("data:")), "fetch images; send a data: URL"],
  images: [part(isImage), "see so many images", (most, { messages }) => messages.flatMap(({ content }) => content).filter(isImage).length <= most],
  audio: [part(({ type }) => type === "input_audio"), "hear audio"],
  files: [part(({ type }) => !PARTS.has(type)), "read parts of this type"],
  n: [({ settings }) => (settings.n > 1 ? "n" : null), "give several choices"],
  logprobs: [({ settings }) => ["logprobs", "top_logprobs"].find((name) => settings[name]), "tell log probabilities"],
  seed: [({ settings }) => (Number.isInteger(settings.seed) ? "seed" : null), "take a seed"],
  stop: [({ settings }) => (settings.stop?.length ? "stop" : null), "stop at a text"],
  reasoning: [({ settings: { reasoning_effort: effort } }) => (effort && effort !== "none" ? "reasoning_effort" : null), "reason by effort"],
  dimensions: [
    ({ texts, settings }) => (texts && settings.dimensions ? "dimensions" : null),
    "give vectors of this length",
    (lengths, { settings }) => lengths.includes(settings.dimensions),
  ],
  batch: [({ texts }) => (texts ? "input" : null), "take so many texts at once", (most, { texts }) => texts.length <= most],
};

function isImage(part) {
  return part?.type === "image_url";
}

function formatted(type) {
  return ({ settings }) => (settings.response_format?.type === type ? "response_format" : null);
}

/** Where the first part of a message is that is of a kind. */
function part(kind) {
  return ({ messages }) => {
    for (const [index, { content }] of messages.entries()) {
      const place = Array.isArray(content) ? content.findIndex(kind) : -1;
      if (place >= 0) return `messages[${index}].content[${place}]`;
    }
    return null;
  };
}

/**
 * The targets of a request's model that can do all that it asks; the others are passed over. A target of which nothing is known can.
 * @param {{model: string, targets: object[], messages: object[], settings: object, texts?: string[]}} request
 * @returns {object[]} in their order, at least one
 * @throws {EdgeError} unsupported_parameter: none of them can; it names what the first one cannot
 */
export function able(request) {
  const { model, targets } = request;
  if (!targets.some(({ capabilities }) => capabilities)) return targets;
  const asked = Object.entries(ASKS).map(([ability, [param, ...more]]) => [ability, param(request), ...more]).filter(([, param]) => param);
  const lack = ({ capabilities }) => capabilities && asked.find(([ability, , , fits]) => !can(capabilities[ability], fits, request));
  const found = targets.filter((target) => !lack(target));
  if (found.length) return found;
  const [, param, words] = lack(targets[0]);
  throw new EdgeError("unsupported_parameter", `'${param}': the model '${model}' cannot ${words}.`, { param });
}

/** Where no bound is known there is none. */
const can = (known, fits, request) => (fits ? known === null || fits(known, request) : known);
