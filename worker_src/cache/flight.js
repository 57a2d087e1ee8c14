import { DONE } from "../streaming/lists.js";
import { UpstreamFailure } from "../upstream/failure.js";

/** How many characters may wait for followers before the model is read no further. */
const MOST_WAITING = 65_536;

/** How often who must look for himself does so: at first, and at most (milliseconds). */
const SOONEST_LOOK_MS = 5;
const LATEST_LOOK_MS = 40;

/**
 * One upstream call shared by every identical request in flight: a log of event lists that each follows at its own
 * pace. The call belongs to the request that began it, which keeps it going (`waitUntil`) as long as anybody follows.
 *
 * The log is whole, so that more may join, until `close`; from then on only what the slowest follower has yet to see
 * is kept. The model is read ahead of the quickest follower of a whole log, of the slowest of a closed one. A call
 * that is silent for longer than it can be is lost: its followers are told so.
 *
 * Requests share plain data here and never a promise: one that is settled by another request would go on in that
 * request's name, where its own streams may not be touched, and a request that waits for nothing of its own is taken
 * for hung. So guests look at the log by their own timers, and so does the owner where guests could change something.
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
  /** Wakes the owner's own follower, or the owner where it waits for it. */
  #wake = null;
  #room = null;

  /** @param {number} [longest] milliseconds that a living call can be silent for */
  constructor(longest = Infinity) {
    this.#longest = longest;
  }

  /** Whether the call was ended without a word, as the runtime may do some time after its caller has left. */
  get lost() {
    return !this.#done && Date.now() - this.#touched > this.#longest;
  }

  /** Whether there is nothing to join any more. */
  get over() {
    return this.#done || this.lost;
  }

  publish(events) {
    this.#touched = Date.now();
    this.#log.push({ events, size: sizeOf(events) });
    this.#wake?.();
  }

  end(failure = null) {
    this.#failure = failure;
    this.#done = true;
    this.#wake?.();
  }

  /** Nobody may join any more: what everybody has seen is dropped. */
  close() {
    this.#closed = true;
    this.#trim();
  }

  /** Waits while the followers are far behind. For the owner only. */
  async wanted() {
    for (const look = looks(); this.#crowded; this.#touched = Date.now()) await look((wake) => (this.#room = wake));
  }

  /** Settles once nobody follows any more, or the call has ended. For the owner only, when its own caller has left. */
  async abandoned() {
    for (const look = looks(); this.#followers.size > 0 && !this.#done; ) await look();
  }

  /**
   * An iterator over all events from the beginning: each list holds what has come since the last. Leaving early
   * (`return`, also while a `next` waits) disturbs nobody else.
   * @param {{guest?: boolean}} [as] a guest is of another request than the one that makes the call
   */
  follow({ guest = false } = {}) {
    const follower = new Follower(this, guest);
    this.#followers.add(follower);
    return follower;
  }

  /** Everything that a follower has not seen, once there is something; null at the end. */
  async since(follower) {
    for (const look = looks(); this.#waits(follower); ) {
      if (follower.guest) await look();
      else await new Promise((wake) => (this.#wake = wake));
      if (follower.guest && this.lost) this.end(new UpstreamFailure("timeout"));
    }
    if (follower.left) return null;
    const fresh = this.#log.slice(follower.place - this.#dropped);
    follower.place = this.#end;
    this.#touched = Date.now();
    if (this.#closed) this.#trim();
    if (!follower.guest) this.#room?.();
    if (fresh.length) return fresh.length === 1 ? fresh[0].events : fresh.flatMap(({ events }) => events);
    this.leave(follower);
    if (this.#failure) throw this.#failure;
    return null;
  }

  leave(follower) {
    if (follower.left) return;
    follower.left = true;
    this.#followers.delete(follower);
    if (follower.guest) return;
    this.#wake?.();
    this.#room?.();
  }

  #waits(follower) {
    return !follower.left && follower.place >= this.#end && !this.#done;
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
}

const sizeOf = (events) => events.reduce((size, { text, arguments: fragment }) => size + (text ?? fragment ?? "").length, 0);

/** A wait for the next look, each a little longer than the last; `told` may end one early, within one request. */
function looks() {
  let pause = SOONEST_LOOK_MS;
  return async (told) => {
    let timer;
    await new Promise((resolve) => {
      timer = setTimeout(resolve, pause);
      told?.(resolve);
    });
    clearTimeout(timer);
    pause = Math.min(LATEST_LOOK_MS, pause + 1);
  };
}

class Follower {
  #flight;
  /** How many lists it has seen. */
  place = 0;
  left = false;

  constructor(flight, guest) {
    this.#flight = flight;
    this.guest = guest;
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
