import { isText } from "../checks.js";

/** What the model never came to call is told as that, so that nobody waits for a result or makes the call. */
export const STOPPED = JSON.stringify({ status: "stopped", reason: "stop_requested", message: "The run was stopped." });

/** Ids of what a run answers: the same in its stream and whenever it is told again. */
export const answerId = (run) => `msg_${run}`;
export const callId = (run, place) => `call_${run}_${place}`;
export const resultId = (call) => `${call}-result`;

/**
 * The messages of a conversation as AG-UI has them. What a client sent has its own id, and what a model said that of its stream.
 * @param {Array<{run: string, status: string, id: string|null, message: object}>} entries
 */
export const messagesOf = (entries) => entries.flatMap((entry, place) => messageOf(entry, place));

function messageOf({ run, status, id, message: { role, content, tool_calls: calls, tool_call_id: toolCallId, refusal } }, place) {
  const own = run.slice("run_".length);
  if (role === "assistant") return answerOf({ id, own, status, text: text(content) || refusal || "", calls: calls ?? [] });
  const named = { id: id ?? `${role}_${own}_${place}`, role };
  if (role === "tool") return [{ ...named, toolCallId, content: text(content) }];
  if (role === "user") return [{ ...named, content: Array.isArray(content) ? content.flatMap(part) : content }];
  return role === "system" || role === "developer" ? [{ ...named, content: text(content) }] : [];
}

function answerOf({ id, own, status, text: content, calls }) {
  // An answer that no client has sent back has the ids that its stream gave.
  const toolCalls = (id === null ? calls.map((call, place) => ({ ...call, id: callId(own, place) })) : calls).filter(isCall);
  const message = { id: id ?? answerId(own), role: "assistant", ...(content ? { content } : {}), ...(toolCalls.length ? { toolCalls } : {}) };
  const cut = id === null && status === "stopped" ? toolCalls : [];
  return [message, ...cut.map((call) => ({ id: resultId(call.id), role: "tool", toolCallId: call.id, content: STOPPED }))];
}

/** Whether clients have a word for a call: other protocols may have left calls of other kinds. */
const isCall = ({ function: called }) => isText(called?.name) && isText(called.arguments);

const text = (content) => (Array.isArray(content) ? content.map((each) => each.text ?? "").join("") : (content ?? ""));

/** A part of a message; none for what AG-UI has no word for. */
function part({ type, text: said, image_url: image, input_audio: audio }) {
  if (type === "text" && isText(said)) return [{ type, text: said }];
  if (type === "image_url" && isText(image?.url)) return [{ type: "image", source: sourceOf(image.url) }];
  if (type === "input_audio" && isText(audio?.data)) return [{ type: "audio", source: { type: "data", value: audio.data, mimeType: `audio/${audio.format}` } }];
  return [];
}

function sourceOf(url) {
  const [, mimeType, value] = /^data:([^;,]*);base64,(.*)$/s.exec(url) ?? [];
  return value === undefined ? { type: "url", value: url } : { type: "data", value, mimeType };
}
