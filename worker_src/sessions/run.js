import { EdgeError, asEdgeError } from "../errors.js";
import { Collector } from "../protocols/collector.js";
import { listed } from "../streaming/lists.js";
import { UpstreamFailure } from "../upstream/failure.js";
import { answerEvents } from "../upstream/shapes.js";
import { plainOf } from "./remote.js";

/** How long a stopped run waits for its call to end. */
const CLEARED_MS = 1_000;

/** A longer answer is no model's, and its message would not fit into a row, which has at most 2 MB (characters). */
const MOST_IN_RUN = 600_000;

/**
 * One turn while it goes on: asks the model, writes what it says into the log, and only then tells those who read. It
 * belongs to the object and not to a caller: it goes on when a caller leaves, and ends when it is stopped.
 */
export class Run {
  #store;
  #told;
  #controller = new AbortController();
  #waiting = new Set();
  #reason = null;
  #collector = new Collector();
  #besides = [];
  #readers = new Set();
  /** Whether the run is to end with its readers, because its caller has left. */
  #left = false;
  over = false;

  /** @param {() => void} told called when there is more in the log, or the run is over */
  constructor(id, store, told = () => {}) {
    this.id = id;
    this.#store = store;
    this.#told = told;
    /** Settles when the run is over. */
    this.ended = new Promise((resolve) => {
      this.settle = resolve;
    });
    /** Settles when it is stopped. */
    this.halted = new Promise((resolve) => {
      this.signal.addEventListener("abort", resolve);
    });
  }

  get signal() {
    return this.#controller.signal;
  }

  get stopped() {
    return this.#reason !== null;
  }

  /** Work of the pipeline that goes on beside the answer. */
  besides(promise) {
    this.#besides.push(promise.catch(() => {}));
  }

  /** Ends the run for all who read it, and the call of the model with it. */
  stop(reason) {
    if (this.over || this.stopped) return;
    this.#reason = reason;
    this.#controller.abort();
  }

  /** Somebody reads it live. */
  join(reader) {
    this.#readers.add(reader);
  }

  /** A reader has gone: the last one ends a run whose caller has left. */
  part(reader) {
    this.#readers.delete(reader);
    if (this.#left && this.#readers.size === 0) this.stop("Its caller has left.");
  }

  /** Its caller leaves and does not want it kept; others who read it have it to its end. */
  leave(reader) {
    this.#left = true;
    this.part(reader);
  }

  /** Settles when there is more in the log, or the run is over. */
  changed() {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  /**
   * Carries the run out.
   * @param {() => Promise<{context: object, outcome: Promise<object>}>} ask asks the model
   * @returns {Promise<string>} its status, when it is over; never fails
   */
  async carryOut(ask) {
    let context = null;
    try {
      if (this.stopped) throw new EdgeError("run_stopped", this.#reason);
      const asked = ask();
      context = asked.context;
      const { events, answer } = await asked.outcome;
      return this.#end("completed", await this.#relay(events ?? listed(answerEvents(answer)), context.facts), context.facts);
    } catch (thrown) {
      if (this.stopped) await this.#cleared();
      const error = this.stopped ? new EdgeError("run_stopped", this.#reason) : asEdgeError(thrown);
      return this.#end(this.#status(context), [{ type: "error", error: plainOf(error) }], context?.facts ?? null);
    }
  }

  /**
   * Writes events down as they come. Those of the finish are returned instead: they are told together with the run's own
   * end, so that nobody holds a whole answer that the object has not kept.
   */
  async #relay(iterator, facts) {
    const closing = [];
    for (let part = await iterator.next(); !part.done; part = await iterator.next()) {
      if (this.#collector.size === 0) this.#store.know(this.id, factsOf(facts));
      this.#collector.add(part.value);
      if (this.#collector.size > MOST_IN_RUN) {
        await iterator.return();
        throw new EdgeError("upstream_error", "The model's answer does not end.");
      }
      if (this.#collector.answer) closing.push(...part.value);
      else this.#store.append(this.id, part.value);
      this.#wake();
    }
    if (!this.#collector.answer) throw new UpstreamFailure("truncated");
    return closing;
  }

  /** Waits for a call that is shared to end too, so that its outcome is known; not for long. */
  async #cleared() {
    let timer;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, CLEARED_MS);
    });
    await Promise.race([Promise.all(this.#besides), late]);
    clearTimeout(timer);
  }

  /** How a run that did not come to its end is told: one that was stopped before it began has said nothing to anybody. */
  #status(context) {
    if (!this.stopped) return "failed";
    return context ? "stopped" : "dropped";
  }

  #end(status, events, facts) {
    const now = Date.now();
    const message = messageOf(this.#collector);
    try {
      // Nobody but its caller has heard of a turn that was refused: what it brought is not kept.
      const unheard = ["failed", "dropped"].includes(status) && !facts?.calls.length;
      this.#store.end(this.id, { status, events, message, facts: facts && factsOf(facts), now, unheard });
    } catch (thrown) {
      console.error("a run could not be kept", thrown?.name);
    }
    this.over = true;
    this.#wake();
    this.settle();
    return status;
  }

  #wake() {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
    this.#told();
  }
}

/** The facts of a context that headers and reports need. */
const factsOf = ({ target, calls, cache, age, breaker, headers, upstream_ms: ms }) => ({
  target,
  cache,
  age,
  breaker,
  headers,
  upstream_ms: ms,
  calls: calls.map(({ target: name, outcome, began, usage, estimated, ms: took }) => ({ target: name, outcome, began, usage, estimated, ms: took })),
});

/** The assistant's message of what has come so far, null if that is nothing. */
function messageOf(collector) {
  const { content, tool_calls: calls, refusal } = collector.soFar;
  if (!content && !calls.length && !refusal) return null;
  return { role: "assistant", content, ...(calls.length ? { tool_calls: calls } : {}), ...(refusal ? { refusal } : {}) };
}
