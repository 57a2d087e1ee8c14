import { UpstreamFailure } from "./failure.js";

/**
 * One upstream call's way to stop: aborted by its caller's signal or by the timer that is set.
 * Timers are stages: `stage(ms)` starts a new limit and ends the last one; `touch()` tells of life within it.
 */
export class Deadline {
  #controller = new AbortController();
  #timer = null;
  #limit = 0;
  #seen = 0;
  #expired = false;
  #onAbort;
  #outer;

  /** @param {AbortSignal} [outer] the caller's */
  constructor(outer) {
    this.#outer = outer;
    this.#onAbort = () => this.#controller.abort(outer.reason);
    if (outer?.aborted) this.#onAbort();
    outer?.addEventListener("abort", this.#onAbort);
  }

  get signal() {
    return this.#controller.signal;
  }

  /** Whether a stage took too long. */
  get expired() {
    return this.#expired;
  }

  stage(milliseconds) {
    clearTimeout(this.#timer);
    this.#limit = milliseconds;
    this.#seen = Date.now();
    this.#timer = setTimeout(() => this.#check(), milliseconds);
  }

  touch() {
    this.#seen = Date.now();
  }

  end() {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#onAbort);
  }

  /** Stops the call. */
  abort() {
    this.#controller.abort();
    this.end();
  }

  #check() {
    const left = this.#seen + this.#limit - Date.now();
    if (left > 0) {
      this.#timer = setTimeout(() => this.#check(), left);
      return;
    }
    this.#expired = true;
    this.#controller.abort();
  }

  /** Settles with `promise`, or fails as soon as the call is stopped, even where `promise` ignores the signal. */
  async race(promise) {
    const { signal } = this;
    let stop;
    const stopped = new Promise((_, reject) => {
      stop = () => reject(this.#expired ? new UpstreamFailure("timeout") : new UpstreamFailure("network"));
      if (signal.aborted) stop();
      else signal.addEventListener("abort", stop, { once: true });
    });
    try {
      return await Promise.race([promise, stopped]);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }
}
