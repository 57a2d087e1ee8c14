/** No call lasts longer. */
const LONGEST_MS = 86_400_000;

const DONE = Object.freeze({ done: true, value: undefined });

/**
 * One upstream call shared by every identical request in flight: a log of event lists that each follows at its own
 * pace. The call belongs to the request that began it, which keeps it going (`waitUntil`) as long as anybody follows.
 */
export class Flight {
  #log = [];
  #failure = null;
  #done = false;
  #followers = 0;
  #waiting = [];

  /** Called when nobody follows any more before the call has ended. */
  onAbandoned = null;

  publish(events) {
    this.#log.push(events);
    this.#ring();
  }

  end(failure = null) {
    this.#failure = failure;
    this.#done = true;
    this.#ring();
  }

  /**
   * An iterator over all events from the beginning: each list holds what has come since the last. Leaving early
   * (`return`, also while a `next` waits) disturbs nobody else.
   * @param {{guest?: boolean}} [as] a guest is of another request than the one that makes the call
   */
  follow({ guest = false } = {}) {
    this.#followers += 1;
    return new Follower(this, guest);
  }

  /** Everything from `place` on, once there is something; null at the end. */
  async since(follower) {
    while (!follower.left && follower.place >= this.#log.length && !this.#done) {
      await new Promise((resolve) => this.#waiting.push(resolve));
    }
    if (follower.left) return null;
    const { place } = follower;
    follower.place = this.#log.length;
    if (place < this.#log.length) return place === this.#log.length - 1 ? this.#log[place] : this.#log.slice(place).flat();
    this.leave(follower);
    if (this.#failure) throw this.#failure;
    return null;
  }

  leave(follower) {
    if (follower.left) return;
    follower.left = true;
    clearTimeout(follower.hold);
    this.#followers -= 1;
    if (this.#followers === 0 && !this.#done) this.onAbandoned?.();
    this.#ring();
  }

  #ring() {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

class Follower {
  #flight;
  place = 0;
  left = false;
  /** The runtime ends a request that waits for nothing of its own; a guest waits for this. */
  hold;

  constructor(flight, guest) {
    this.#flight = flight;
    this.hold = guest ? setTimeout(() => {}, LONGEST_MS) : null;
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
