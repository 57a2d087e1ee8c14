/** What was signed once is accepted once: nonces by the time until which they would still be fresh. */
export class Nonces {
  #seen = new Map();
  #most;

  /** @param {number} most so many are remembered; one beyond is refused rather than an old one forgotten */
  constructor(most) {
    this.#most = most;
  }

  /**
   * True the first time a nonce is shown.
   * @param {string} nonce
   * @param {number} now seconds since the epoch
   * @param {number} until when a request with it is stale anyway
   */
  take(nonce, now, until) {
    for (const [old, end] of this.#seen) {
      if (end >= now) break;
      this.#seen.delete(old);
    }
    if (this.#seen.has(nonce) || this.#seen.size >= this.#most) return false;
    this.#seen.set(nonce, until);
    return true;
  }
}
