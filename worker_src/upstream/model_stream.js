import { tokensOf } from "../protocols/chat.js";
import { DONE } from "../streaming/lists.js";
import { SseReader } from "../streaming/sse_reader.js";
import { UpstreamFailure } from "./failure.js";
import { EventReader } from "./shapes.js";

/** How long a server may keep a connection open after it has said [DONE]. */
const DRAIN_MS = 1_000;

/** How long usage or [DONE] may follow the finish. */
const CLOSING_MS = 5_000;

/**
 * A model's stream as lists of neutral events, one list for what each network read completes.
 * `next` fails with an UpstreamFailure; `return` stops the model at once, also while a `next` is waiting.
 */
export class ModelStream {
  #reader;
  #sse = new SseReader();
  #events;
  #options;
  #first = null;
  #over = false;

  constructor(body, options) {
    if (!body) throw new UpstreamFailure("malformed");
    this.#reader = body.getReader();
    this.#options = options;
    this.#events = new EventReader(options.chat?.settings);
    options.guard.onStop = () => void this.#reader.cancel().catch(() => {});
  }

  /** Reads the first events, so that an error in their place is a failure of the call. */
  async prime() {
    this.#first = await this.#advance();
    this.#options.guard.lift();
  }

  async next() {
    if (this.#first) {
      const ready = this.#first;
      this.#first = null;
      return ready;
    }
    if (this.#over) return DONE;
    this.#options.guard.stage(this.#silence);
    return this.#advance();
  }

  /** How long the model may be silent now, milliseconds. */
  get #silence() {
    const { idle } = this.#options;
    return this.#events.complete ? Math.min(idle, CLOSING_MS) : idle;
  }

  async return() {
    if (!this.#over) this.#fail(new UpstreamFailure("left"));
    return DONE;
  }

  async #advance() {
    const { guard } = this.#options;
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (this.#over) return DONE;
        if (guard.failure) throw guard.failure;
        const found = this.#events.readAll(done ? this.#sse.end() : this.#sse.push(value));
        if (done || this.#events.ended) return this.#finish(found, done);
        if (found.length) {
          // A caller who is slow to take it is no silence of the model's.
          guard.rest();
          return { done: false, value: found };
        }
        if (this.#events.complete) guard.stage(this.#silence);
      }
    } catch (thrown) {
      if (this.#over) return DONE;
      // The model has said that it is done: that its connection then breaks off takes nothing away.
      const cut = guard.failure ? guard.failure.kind === "timeout" : !(thrown instanceof UpstreamFailure);
      if (cut && this.#events.complete) return this.#finish([], false);
      throw this.#fail(guard.failure ?? (thrown instanceof UpstreamFailure ? thrown : new UpstreamFailure("truncated")));
    }
  }

  #finish(found, read) {
    const { guard, record, waitUntil } = this.#options;
    if (!this.#events.complete) throw new UpstreamFailure("truncated");
    this.#over = true;
    guard.end();
    if (!read) waitUntil(drained(this.#reader));
    this.#account();
    record.end(null);
    return { done: false, value: [...found, ...this.#events.close()] };
  }

  /** Ends the call with what is known of its usage. */
  #fail(failure) {
    const { guard, record } = this.#options;
    this.#over = true;
    guard.stop(failure);
    this.#account();
    record.end(failure);
    return failure;
  }

  /** Notes what the call used: what the model told, else an estimate of what came. */
  #account() {
    const { chat, record } = this.#options;
    const { pieces, usage, reason, model } = this.#events;
    Object.assign(record, { began: pieces > 0, usage, finish: reason, model });
    if (pieces > 0 && !usage) Object.assign(record, { usage: estimate(chat, pieces), estimated: true });
  }
}

/** Reads a stream whose end has been told to its very end, so that the connection can serve the next call; not for long. */
async function drained(reader) {
  const stop = () => void reader.cancel().catch(() => {});
  const timer = setTimeout(stop, DRAIN_MS);
  try {
    const { done } = await reader.read();
    if (!done) stop();
  } catch {
    // The answer is whole all the same.
  }
  clearTimeout(timer);
}

/** Usage of a stream that did not tell it: models send about one token a piece. */
function estimate(chat, pieces) {
  const prompt = tokensOf(chat.messages);
  return { prompt_tokens: prompt, completion_tokens: pieces, total_tokens: prompt + pieces };
}
