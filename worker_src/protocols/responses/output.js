import { Call, Message, Reasoning } from "./items.js";

const SPOKEN = { reasoning: Reasoning, delta: Message, refusal: Message };

/** The output of one response: puts neutral events together into items, and tells each step of it as `[type, fields]`. */
export class Output {
  #stem;
  #items = [];
  /** The item that is spoken now, null if none is. */
  #open = null;
  /** Calls by their index: a model may tell several at a time, so they stay open to the end. */
  #calls = new Map();

  /** @param {string} stem what the items' ids are made of */
  constructor(stem) {
    this.#stem = stem;
  }

  get items() {
    return this.#items.map(({ item }) => item);
  }

  take(event) {
    if (event.type === "tool_call") return this.#call(event);
    return SPOKEN[event.type] && event.text ? this.#speak(event) : [];
  }

  /** Closes what is open; an answer without anything is an empty text. */
  close(status) {
    const empty = this.#items.length ? [] : this.#speak({ type: "delta", text: "" });
    const calls = [...this.#calls.values()].flatMap((call) => call.close(status));
    return [...empty, ...this.#quieted(status), ...calls];
  }

  /** The answer breaks off: what is open is never finished. */
  cut() {
    for (const item of [this.#open, ...this.#calls.values()]) if (item) item.status = "incomplete";
  }

  #speak(event) {
    const Kind = SPOKEN[event.type];
    const first = [];
    if (!(this.#open instanceof Kind)) {
      first.push(...this.#quieted("completed"));
      this.#open = this.#made(Kind);
      first.push(...this.#begin(this.#open));
    }
    return [...first, ...this.#open.add(event)];
  }

  #quieted(status) {
    const closed = this.#open?.close(status) ?? [];
    this.#open = null;
    return closed;
  }

  #call(event) {
    const first = [];
    if (!this.#calls.has(event.index)) {
      first.push(...this.#quieted("completed"));
      this.#calls.set(event.index, this.#made(Call, event));
      first.push(...this.#begin(this.#calls.get(event.index)));
    }
    return [...first, ...this.#calls.get(event.index).add(event)];
  }

  #made(Kind, event) {
    return new Kind(this.#stem, this.#items.length, event);
  }

  #begin(item) {
    this.#items.push(item);
    return item.opened;
  }
}
