/** An answer of more characters than this, with its request, is left to KV. */
const MOST_OF_ONE = 262_144;

/** All answers together, with their requests, have at most this many characters. */
const MOST_OF_ALL = 16_777_216;

/** The isolate's own layer: bounded in entries and in characters; the least recently used goes first. */
export class Memory {
  #held = new Map();
  #entries;
  #size = 0;

  constructor(entries) {
    this.#entries = entries;
  }

  get(key) {
    const held = this.#held.get(key);
    if (!held) return null;
    this.#held.delete(key);
    this.#held.set(key, held);
    return held.entry;
  }

  /** @param {number} size characters of the entry */
  set(key, entry, size) {
    this.#drop(key);
    const whole = key.length + size;
    if (this.#entries === 0 || whole > MOST_OF_ONE) return;
    this.#held.set(key, { entry, whole });
    this.#size += whole;
    while (this.#held.size > this.#entries || this.#size > MOST_OF_ALL) this.#drop(this.#held.keys().next().value);
  }

  #drop(key) {
    this.#size -= this.#held.get(key)?.whole ?? 0;
    this.#held.delete(key);
  }
}
