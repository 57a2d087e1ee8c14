import { chatRequest } from "../chat.js";
import { isAbsent, named, unsupported, wrong } from "../checks.js";

/** OpenAI's text completions, which it calls legacy: the prompt is told to a chat model as one message of a user's. */
export const completions = {
  routes: [{ name: "completions", scope: "chat", endpoint: "/v1/completions", methods: ["POST"] }],
  decode,
  encodeAnswer,
  encoder,
};

/** Fields that a model is told as they are. */
const PASSED = [
  "model", "stream", "stream_options", "max_tokens", "temperature", "top_p", "n", "stop", "seed", "presence_penalty", "frequency_penalty", "logit_bias", "user",
];

/** Fields that chat models do not offer, with the one value that asks for nothing; and what to do instead of another. */
const FIXED = {
  best_of: [1, "ask for n answers and choose"],
  echo: [false, "put the prompt before the answer yourself"],
  logprobs: [undefined, "ask /v1/chat/completions for them"],
  suffix: [undefined, "say in the prompt what follows"],
};

/**
 * @param {object} body
 * @param {object} config
 * @param {{models: string[]|null}} caller
 * @throws {EdgeError} invalid_request, unsupported_parameter, and what a chat request throws
 */
function decode({ prompt, ...body }, config, caller) {
  for (const [name, value] of Object.entries(body)) {
    if (isAbsent(value) || PASSED.includes(name)) continue;
    const [fine, fix] = Object.hasOwn(FIXED, name) ? FIXED[name] : [undefined, "leave it out"];
    if (value !== fine) throw unsupported(name, fix);
  }
  const passed = Object.fromEntries(PASSED.filter((name) => !isAbsent(body[name])).map((name) => [name, body[name]]));
  const messages = [{ role: "user", content: textOf(prompt) }];
  return named({ messages: "prompt" }, () => chatRequest({ ...passed, messages }, config, caller));
}

/** One prompt, as a text or as a list of one. */
function textOf(prompt) {
  const given = Array.isArray(prompt) && prompt.length === 1 ? prompt[0] : prompt;
  if (typeof given === "string") return given;
  if (!Array.isArray(prompt)) throw wrong("prompt", "must be a string");
  const tokens = prompt.flat().every(Number.isInteger);
  if (tokens) throw unsupported("prompt", "tokens are a model's own; send the text");
  throw unsupported("prompt", "it must be one string; send a request for each");
}

function identity({ requested: model, kept }) {
  const { id = crypto.randomUUID().replaceAll("-", ""), created = Date.now() } = kept ?? {};
  return { id: `cmpl-${id}`, object: "text_completion", created: Math.floor(created / 1000), model };
}

const choice = (index, text, reason) => ({ text, index, logprobs: null, finish_reason: reason });

/** A whole answer as `text_completion`; a refusal is its text. */
function encodeAnswer(answer, chat) {
  const said = answer.choices ?? [{ message: answer, finish_reason: answer.finish_reason }];
  const choices = said.map(({ message, finish_reason: reason }, index) => choice(index, message.content || message.refusal || "", reason));
  const { usage, edge } = answer;
  return { ...identity(chat), choices, ...(usage ? { usage } : {}), ...(edge ? { edge } : {}) };
}

function encoder(chat) {
  const head = identity(chat);
  const usage = chat.include_usage ? { usage: null } : {};
  const frame = (more) => `data: ${JSON.stringify({ ...head, ...usage, ...more })}\n\n`;
  const said = ({ text }) => frame({ choices: [choice(0, text, null)] });
  const frames = {
    delta: said,
    refusal: said,
    finish: ({ reason, edge }) => frame({ choices: [choice(0, "", reason)], ...(edge ? { edge } : {}) }),
    usage: (event) => (chat.include_usage ? frame({ choices: [], usage: event.usage }) : ""),
    error: ({ error }) => `data: ${JSON.stringify(error.body)}\n\n`,
  };
  return { encode: (event) => frames[event.type]?.(event) ?? "", end: "data: [DONE]\n\n" };
}
