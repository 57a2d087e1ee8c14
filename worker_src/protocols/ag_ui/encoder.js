import { STOPPED, answerId, callId, resultId } from "./messages.js";

/** What comes after so much silence: a comment, which clients pass over (milliseconds). */
const QUIET_MS = 15_000;

const frame = (event) => `data: ${JSON.stringify(event)}\n\n`;

/** The names of reasoning's events: those of 1.0, and those that every older client knows. */
const REASONING = [
  ["REASONING_START", "REASONING_MESSAGE_START", "REASONING_MESSAGE_CONTENT", "REASONING_MESSAGE_END", "REASONING_END"],
  ["THINKING_START", "THINKING_TEXT_MESSAGE_START", "THINKING_TEXT_MESSAGE_CONTENT", "THINKING_TEXT_MESSAGE_END", "THINKING_END"],
];

/** An encoder of one run: no nulls, no empty deltas, LF alone, no `[DONE]`, each id new, all closed before the end. */
export const encoder = (chat) => new Encoder(chat);

class Encoder {
  quiet = { after: QUIET_MS, text: ": keep-alive\n\n" };
  #chat;
  #id;
  #started = false;
  #failed = false;
  #thinking = false;
  #speaking = false;
  #calls = new Map();
  #usage = null;

  constructor(chat) {
    this.#chat = chat;
    this.#id = chat.kept?.id ?? crypto.randomUUID().replaceAll("-", "");
  }

  encode(event) {
    if (this.#failed) return ""; // also of a second failure: that the connection to a run's log broke after it
    const events = this.#events(event);
    return this.#begin() + events.map(frame).join("");
  }

  /** The last frames; none after a failure. */
  get end() {
    if (this.#failed) return "";
    const { threadId, runId } = this.#chat.run;
    const usage = this.#usage ? { usage: [this.#usage] } : {};
    return this.#begin() + [...this.#quieted(), ...this.#closed(), { type: "RUN_FINISHED", threadId, runId, ...usage }].map(frame).join("");
  }

  #begin() {
    if (this.#started) return "";
    this.#started = true;
    const { threadId, runId } = this.#chat.run;
    return frame({ type: "RUN_STARTED", threadId, runId });
  }

  #events(event) {
    if (event.type === "reasoning") return event.text ? this.#thought(event.text) : [];
    if (event.type === "delta" || event.type === "refusal") return event.text ? [...this.#quieted(), ...this.#text(event.text)] : [];
    if (event.type === "tool_call") return [...this.#quieted(), ...this.#call(event)];
    if (event.type === "usage") this.#usage = usageOf(this.#chat, event.usage);
    if (event.type === "history") return [{ type: "MESSAGES_SNAPSHOT", messages: event.messages }];
    if (event.type !== "error") return [];
    if (event.error.code === "run_stopped") return this.#stop();
    this.#failed = true;
    return [{ type: "RUN_ERROR", message: event.error.message, code: event.error.code }];
  }

  #thought(delta) {
    const messageId = `rsn_${this.#id}`;
    const [start, open, content] = this.#names;
    const own = this.#own({ messageId });
    const first = this.#thinking ? [] : [{ type: start, ...own }, { type: open, ...own, ...this.#own({ role: "reasoning" }) }];
    this.#thinking = true;
    return [...first, { type: content, ...own, delta }];
  }

  get #names() {
    return REASONING[this.#chat.run.version === null ? 1 : 0];
  }

  /** Fields that the older names do not have. */
  #own(fields) {
    return this.#chat.run.version === null ? {} : fields;
  }

  #quieted() {
    if (!this.#thinking) return [];
    this.#thinking = false;
    const own = this.#own({ messageId: `rsn_${this.#id}` });
    return this.#names.slice(3).map((type) => ({ type, ...own }));
  }

  #text(delta) {
    const messageId = this.#message;
    const first = this.#speaking ? [] : [{ type: "TEXT_MESSAGE_START", messageId, role: "assistant" }];
    this.#speaking = true;
    return [...first, { type: "TEXT_MESSAGE_CONTENT", messageId, delta }];
  }

  #call({ index, name, arguments: delta }) {
    const first = [];
    if (!this.#calls.has(index)) {
      this.#calls.set(index, callId(this.#id, this.#calls.size));
      first.push({ type: "TOOL_CALL_START", toolCallId: this.#calls.get(index), toolCallName: name, parentMessageId: this.#message });
    }
    return delta ? [...first, { type: "TOOL_CALL_ARGS", toolCallId: this.#calls.get(index), delta }] : first;
  }

  /** Who stops a run wants no error; the calls that were made are not to be carried out. */
  #stop() {
    const ids = [...this.#calls.values()];
    const closed = [...this.#quieted(), ...this.#closed()];
    this.#speaking = false;
    this.#calls.clear();
    return [...closed, ...ids.map((toolCallId) => ({ type: "TOOL_CALL_RESULT", messageId: resultId(toolCallId), toolCallId, content: STOPPED, role: "tool" }))];
  }

  #closed() {
    const text = this.#speaking ? [{ type: "TEXT_MESSAGE_END", messageId: this.#message }] : [];
    return [...text, ...[...this.#calls.values()].map((toolCallId) => ({ type: "TOOL_CALL_END", toolCallId }))];
  }

  /** Text and calls of one turn are one message to the client. */
  get #message() {
    return answerId(this.#id);
  }
}

function usageOf({ model }, { prompt_tokens: inputTokens, completion_tokens: outputTokens, total_tokens: totalTokens, ...more }) {
  const all = {
    inputTokens,
    outputTokens,
    totalTokens,
    reasoningTokens: more.completion_tokens_details?.reasoning_tokens,
    cachedInputTokens: more.prompt_tokens_details?.cached_tokens,
  };
  return { provider: "edgewright", model, ...Object.fromEntries(Object.entries(all).filter(([, count]) => Number.isInteger(count))) };
}
