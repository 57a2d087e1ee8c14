import { UpstreamFailure } from "./failure.js";

/**
 * What may stop one upstream call: its caller leaves, one of its limits passes, or time for the whole request is up.
 * One timer serves all limits; it is set anew only when it fires too early, so that a chunk costs no timer.
 */
export class Guard {
  #controller = new AbortController();
  #outer;
  #until;
  #limit = Infinity;
  #due = Infinity;
  #timer = null;
  #reject;
  #stopped;
  #onAbort = () => this.stop(new UpstreamFailure("left"));
  /** Why the call was stopped; null while it was not. */
  failure = null;
  /** Called once when the call is stopped. */
  onStop = null;

  /**
   * @param {AbortSignal} [outer] the caller's
   * @param {number} [until] milliseconds since the epoch: no stage lasts longer, until `lift`
   */
  constructor(outer, until = Infinity) {
    this.#outer = outer;
    this.#until = until;
    this.#stopped = new Promise((_, reject) => {
      this.#reject = reject;
    });
    this.#stopped.catch(() => {});
    if (outer?.aborted) this.#onAbort();
    else outer?.addEventListener("abort", this.#onAbort);
  }

  get signal() {
    return this.#controller.signal;
  }

  /** Starts a limit that replaces the last one. */
  stage(milliseconds) {
    this.#limit = Math.min(Date.now() + milliseconds, this.#until);
    if (this.#due > this.#limit) this.#arm();
  }

  /** No limit until the next stage: nothing is awaited of the upstream. */
  rest() {
    this.#limit = Infinity;
  }

  /** From here on only stages count. */
  lift() {
    this.#until = Infinity;
  }

  /** Settles with `promise`, or fails as soon as the call is stopped, even where `promise` ignores the signal. */
  race(promise) {
    return Promise.race([promise, this.#stopped]);
  }

  stop(failure) {
    if (this.failure) return;
    this.failure = failure;
    this.end();
    this.#controller.abort();
    this.#reject(failure);
    this.onStop?.();
  }

  /** The call is over. */
  end() {
    clearTimeout(this.#timer);
    this.#due = Infinity;
    this.#limit = Infinity;
    this.#outer?.removeEventListener("abort", this.#onAbort);
  }

  #arm() {
    clearTimeout(this.#timer);
    this.#due = this.#limit;
    if (this.#limit === Infinity) return;
    this.#timer = setTimeout(() => this.#check(), Math.max(0, this.#limit - Date.now()));
  }

  #check() {
    if (this.#limit > Date.now()) return this.#arm();
    return this.stop(new UpstreamFailure(this.#limit === this.#until ? "deadline" : "timeout"));
  }
}
