import { CHARACTERS_A_TOKEN } from "../chat.js";
import { head, inputOf, parsed, stopReason, usageOf } from "./answer.js";
import { errorBody } from "./errors.js";

/** What comes after so much silence (milliseconds). */
const QUIET_MS = 15_000;

const frame = (event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;

/** An encoder of one message. https://platform.claude.com/docs/en/build-with-claude/streaming */
export const encoder = (chat) => new Encoder(chat);

class Encoder {
  quiet = { after: QUIET_MS, text: frame({ type: "ping" }) };
  #chat;
  #blocks = new Blocks();
  #started = false;
  #failed = false;
  #finish = { reason: null };
  #usage = null;
  #refused = false;
  #characters = 0;

  constructor(chat) {
    this.#chat = chat;
  }

  encode(event) {
    if (event.type === "error") return this.#fail(event.error);
    if (this.#failed) return "";
    this.#characters += (event.text ?? event.arguments ?? "").length;
    return [...this.#begin(), ...this.#events(event)].map(frame).join("");
  }

  /** The last frames; none after a failure. */
  get end() {
    if (this.#failed) return "";
    const { reason, edge } = this.#finish;
    try {
      for (const json of this.#blocks.inputs) inputOf(json, reason);
    } catch (thrown) {
      return this.#fail(thrown);
    }
    const stop = stopReason(reason, { called: this.#blocks.called, refused: this.#refused });
    const usage = usageOf(this.#usage, this.#chat, Math.ceil(this.#characters / CHARACTERS_A_TOKEN));
    const closing = { type: "message_delta", delta: { stop_reason: stop, stop_sequence: null }, usage, ...(edge ? { edge } : {}) };
    return [...this.#begin(), ...this.#blocks.close(), closing, { type: "message_stop" }].map(frame).join("");
  }

  #begin() {
    if (this.#started) return [];
    this.#started = true;
    // What the model has used is known at its end; until then the prompt is estimated.
    return [{ type: "message_start", message: head(this.#chat, usageOf(null, this.#chat, 0)) }];
  }

  #events(event) {
    const { type, text } = event;
    if (type === "usage") this.#usage = event.usage;
    else if (type === "finish") this.#finish = event;
    else if (type === "tool_call") return this.#blocks.call(event);
    else if (type === "reasoning") return this.#chat.thinking ? this.#blocks.say("thinking", text) : [];
    else if (type === "delta" || type === "refusal") {
      this.#refused ||= type === "refusal";
      return this.#blocks.say("text", text);
    }
    return [];
  }

  #fail(error) {
    this.#failed = true;
    return frame(errorBody(error));
  }
}

const STARTS = {
  text: () => ({ type: "text", text: "" }),
  thinking: () => ({ type: "thinking", thinking: "", signature: "" }),
  tool_use: ({ id, name }) => ({ type: "tool_use", id, name, input: {} }),
};
const DELTAS = {
  text: (text) => ({ type: "text_delta", text }),
  thinking: (thinking) => ({ type: "thinking_delta", thinking }),
  tool_use: (json) => ({ type: "input_json_delta", partial_json: json }),
};

/**
 * The blocks of one message, told one after the other: clients take a block for finished when the next begins. Models may
 * write several calls at once: what belongs to a later block waits until the one before is known to be whole.
 */
class Blocks {
  #all = [];
  /** The place of the block that is being told. */
  #open = -1;
  #calls = new Map();

  get called() {
    return this.#calls.size > 0;
  }

  /** What the tools that were called are given, as text. */
  get inputs() {
    return Array.from(this.#calls.values(), ({ json }) => json);
  }

  say(type, text) {
    if (!text) return [];
    if (this.#all.at(-1)?.type !== type) this.#all.push({ type, waiting: "" });
    return this.#add(this.#all.at(-1), text);
  }

  call({ index, id, name, arguments: text = "" }) {
    if (!this.#calls.has(index)) {
      this.#calls.set(index, { type: "tool_use", id, name, json: "", waiting: "" });
      this.#all.push(this.#calls.get(index));
    }
    const block = this.#calls.get(index);
    block.json += text;
    return this.#add(block, text);
  }

  /** All that is left to tell. */
  close() {
    const events = this.#advance(() => true);
    return this.#open < 0 ? events : [...events, this.#stop()];
  }

  #add(block, text) {
    block.waiting += text;
    return [...this.#advance(whole), ...this.#told()];
  }

  /** Goes on to the next block for as long as the open one is over. */
  #advance(over) {
    const events = [];
    while (this.#open + 1 < this.#all.length && (this.#open < 0 || over(this.#all[this.#open]))) {
      if (this.#open >= 0) events.push(...this.#told(), this.#stop());
      this.#open += 1;
      const block = this.#all[this.#open];
      events.push({ type: "content_block_start", index: this.#open, content_block: STARTS[block.type](block) }, ...this.#told());
    }
    return events;
  }

  /** What waits of the open block. */
  #told() {
    const block = this.#all[this.#open];
    const { type, waiting } = block;
    block.waiting = "";
    return waiting ? [{ type: "content_block_delta", index: this.#open, delta: DELTAS[type](waiting) }] : [];
  }

  #stop() {
    return { type: "content_block_stop", index: this.#open };
  }
}

/** Whether nothing more can belong to a block, now that another has begun. */
const whole = ({ type, json }) => type !== "tool_use" || parsed(json) !== undefined;
