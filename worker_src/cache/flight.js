import { UpstreamFailure } from "../upstream/failure.js";

/** How many characters may wait for followers before the model is read no further. */
const MOST_WAITING = 65_536;

/**
 * How often who waits looks whether the call still lives. The runtime ends a request that waits for nothing of its own,
 * only for another: this timer is what it waits for. And it ends a call silently, some time after its caller has left.
 */
const LOOK_MS = 1_000;

const DONE = Object.freeze({ done: true, value: undefined });

/**
 * One upstream call shared by every identical request in flight: a log of event lists that each follows at its own
 * pace. The call belongs to the request that began it, which keeps it going (`waitUntil`) as long as anybody follows.
 *
 * The log is whole, so that more may join, until `close`; from then on only what the slowest follower has yet to see
 * is kept. The model is read ahead of the quickest follower of a whole log, of the slowest of a closed one. A call
 * that is silent for longer than it can be is lost: its followers are told so.
 */
export class Flight {
  #longest;
  #touched = Date.now();
  #log = [];
  /** How many lists have been dropped from the log's beginning. */
  #dropped = 0;
  #closed = false;
  #failure = null;
  #done = false;
  #followers = new Set();
  #waiting = [];
  #room = null;

  /** Called when nobody follows any more before the call has ended. */
  onAbandoned = null;

  /** @param {number} [longest] milliseconds that a living call can be silent for */
  constructor(longest = Infinity) {
    this.#longest = longest;
  }

  /** Whether the call was ended without a word, as the runtime may do. */
  get lost() {
    return !this.#done && Date.now() - this.#touched > this.#longest;
  }

  publish(events) {
    this.#touched = Date.now();
    this.#log.push({ events, size: sizeOf(events) });
    this.#ring();
  }

  end(failure = null) {
    this.#failure = failure;
    this.#done = true;
    this.#ring();
  }

  /** Nobody may join any more: what everybody has seen is dropped. */
  close() {
    this.#closed = true;
    this.#trim();
  }

  /** Waits while the followers are far behind. */
  async wanted() {
    if (!this.#crowded) return;
    const hold = setInterval(() => {}, LOOK_MS);
    while (this.#crowded) {
      await new Promise((resolve) => {
        this.#room = resolve;
      });
    }
    clearInterval(hold);
  }

  /**
   * An iterator over all events from the beginning: each list holds what has come since the last. Leaving early
   * (`return`, also while a `next` waits) disturbs nobody else.
   * @param {{guest?: boolean}} [as] a guest is of another request than the one that makes the call
   */
  follow({ guest = false } = {}) {
    const follower = new Follower(this, guest ? setInterval(() => this.#look(), LOOK_MS) : null);
    this.#followers.add(follower);
    return follower;
  }

  /** Everything that a follower has not seen, once there is something; null at the end. */
  async since(follower) {
    while (!follower.left && follower.place >= this.#end && !this.#done) {
      await new Promise((resolve) => this.#waiting.push(resolve));
    }
    if (follower.left) return null;
    const fresh = this.#log.slice(follower.place - this.#dropped);
    follower.place = this.#end;
    this.#touched = Date.now();
    if (this.#closed) this.#trim();
    this.#room?.();
    if (fresh.length) return fresh.length === 1 ? fresh[0].events : fresh.flatMap(({ events }) => events);
    this.leave(follower);
    if (this.#failure) throw this.#failure;
    return null;
  }

  leave(follower) {
    if (follower.left) return;
    follower.left = true;
    clearInterval(follower.hold);
    this.#followers.delete(follower);
    if (this.#followers.size === 0 && !this.#done) this.onAbandoned?.();
    this.#room?.();
    this.#ring();
  }

  #look() {
    if (this.lost) this.end(new UpstreamFailure("timeout"));
  }

  get #end() {
    return this.#dropped + this.#log.length;
  }

  /** Whether enough is waiting: for the slowest, or while more may join for the quickest. */
  get #crowded() {
    if (this.#followers.size === 0) return false;
    const places = Array.from(this.#followers, ({ place }) => place);
    const from = this.#closed ? Math.min(...places) : Math.max(...places);
    let waiting = 0;
    for (let place = from - this.#dropped; place < this.#log.length; place += 1) waiting += this.#log[place].size;
    return waiting > MOST_WAITING;
  }

  #trim() {
    const seen = Math.min(this.#end, ...Array.from(this.#followers, ({ place }) => place));
    this.#log.splice(0, seen - this.#dropped);
    this.#dropped = seen;
  }

  #ring() {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

const sizeOf = (events) => events.reduce((size, { text, arguments: fragment }) => size + (text ?? fragment ?? "").length, 0);

class Follower {
  #flight;
  /** How many lists it has seen. */
  place = 0;
  left = false;

  constructor(flight, hold) {
    this.#flight = flight;
    this.hold = hold;
  }

  async next() {
    const value = await this.#flight.since(this);
    return value ? { done: false, value } : DONE;
  }

  async return() {
    this.#flight.leave(this);
    return DONE;
  }
}
