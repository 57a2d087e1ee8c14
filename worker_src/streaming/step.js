import { asEdgeError } from "../errors.js";

/** Between two writes lies at least this (half a frame of a screen): a burst costs a few writes, not one an event. */
const APART_MS = 8;

/** How many characters may wait for a slow caller before the model is read no further. */
const MOST_WAITING = 65_536;

const bytes = new TextEncoder();

/**
 * The relay of a stream: neutral events in, frames of the protocol out. The first events are sent at once, and so is
 * whatever comes `APART_MS` or more after the last write. A caller who leaves stops the upstream at once, through the
 * iterator's `return`; one who is slow slows the upstream down.
 */
export function streaming() {
  return (events, encoder) => {
    const relay = new Relay(events, encoder);
    const source = { pull: (controller) => relay.pull(controller), cancel: () => relay.leave() };
    return new ReadableStream(source, { highWaterMark: 0 });
  };
}

class Relay {
  #events;
  #encoder;
  #text = "";
  #done = false;
  #pumping = null;
  #wake = null;
  #room = null;
  #timer = null;
  #last = 0;
  #silence = null;

  constructor(events, encoder) {
    this.#events = events;
    this.#encoder = encoder;
  }

  async pull(controller) {
    this.#pumping ??= this.#pump();
    while (!this.#done && (this.#text === "" || this.#timer !== null)) {
      await new Promise((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#text) controller.enqueue(bytes.encode(this.#text));
    this.#text = "";
    this.#last = Date.now();
    this.#room?.();
    if (this.#done) controller.close();
  }

  leave() {
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    return this.#events.return();
  }

  async #pump() {
    this.#listen();
    try {
      for (let part = await this.#events.next(); !part.done; part = await this.#events.next()) {
        this.#add(part.value.map((event) => this.#encoder.encode(event)).join(""));
        this.#listen();
        if (this.#text.length > MOST_WAITING) await this.#drained();
      }
    } catch (thrown) {
      this.#text += this.#encoder.encode({ type: "error", error: asEdgeError(thrown) });
    }
    this.#text += this.#encoder.end;
    this.#done = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    this.#wake?.();
  }

  /** Some protocols say that they are still there. */
  #listen() {
    const { quiet } = this.#encoder;
    if (!quiet) return;
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      this.#add(quiet.text);
      this.#listen();
    }, quiet.after);
  }

  #add(text) {
    if (text === "") return;
    this.#text += text;
    if (this.#timer !== null) return;
    const early = this.#last + APART_MS - Date.now();
    if (early <= 0) this.#wake?.();
    else this.#timer = setTimeout(() => this.#flush(), early);
  }

  #flush() {
    this.#timer = null;
    this.#wake?.();
  }

  #drained() {
    clearTimeout(this.#timer);
    this.#flush();
    return new Promise((resolve) => {
      this.#room = resolve;
    });
  }
}
