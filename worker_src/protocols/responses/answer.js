import { answerEvents } from "../../upstream/shapes.js";
import { responseId } from "./ids.js";
import { Output } from "./output.js";

/** Why an answer is not whole, by its finish. */
const INCOMPLETE = { length: "max_output_tokens", content_filter: "content_filter" };

/** Statuses of a response that goes on. */
const GOING_ON = ["queued", "in_progress"];

/** Who a response is: its id, what the ids of its items are made of, and when it was begun (seconds). */
export function identity(chat) {
  const id = responseId(chat);
  return { id, stem: id.slice("resp_".length, "resp_".length + 32), created: Math.floor((chat.kept?.created ?? Date.now()) / 1000) };
}

/** How a response ends whose model has finished so. */
export const endOf = (finish) => (Object.hasOwn(INCOMPLETE, finish) ? "incomplete" : "completed");

/**
 * A response object.
 * @param {{id: string, created: number}} who
 * @param {object} chat
 * @param {{status: string, output?: object[], finish?: string|null, usage?: object|null, error?: EdgeError|null, edge?: object}} what
 */
export function responseOf({ id, created }, { requested: model, told }, { status, output = [], finish = null, usage = null, error = null, edge }) {
  return {
    id,
    object: "response",
    created_at: created,
    status,
    error: error && { code: wordOf(error), message: error.message },
    incomplete_details: status === "incomplete" ? { reason: INCOMPLETE[finish] } : null,
    model,
    output,
    ...told,
    usage: usage && usageOf(usage),
    ...(edge ? { edge } : {}),
  };
}

/** An error's code within a response, for which the SDKs know a few words only. */
function wordOf({ code, status }) {
  if (code === "rate_limit_exceeded") return code;
  return status === 400 ? "invalid_prompt" : "server_error";
}

function usageOf({ prompt_tokens: input = 0, completion_tokens: output = 0, ...more }) {
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: more.prompt_tokens_details?.cached_tokens ?? 0, cache_write_tokens: 0 },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: more.completion_tokens_details?.reasoning_tokens ?? 0 },
    total_tokens: input + output,
  };
}

/** A whole answer as a response. */
export const encodeAnswer = (answer, chat) => encodeKept(answer, chat, { status: "completed" });

/**
 * What there is of an answer, as a response.
 * @param {object} answer
 * @param {object} chat
 * @param {{status: string, error?: EdgeError|null}} end `completed` of an answer that has its finish
 */
export function encodeKept(answer, chat, { status: ended, error = null }) {
  const who = identity(chat);
  const output = new Output(who.stem);
  for (const event of answerEvents(answer)) output.take(event);
  const { usage, edge, finish_reason: finish } = answer;
  const status = ended === "completed" ? endOf(finish) : ended;
  if (ended === "completed") output.close(status);
  else if (!GOING_ON.includes(ended)) output.cut();
  return responseOf(who, chat, { status, output: output.items, finish, usage, error, edge });
}
