/** The isolate's own layer: at most `entries` answers of at most `MOST_CHARACTERS` each, the least used goes first. */
const MOST_CHARACTERS = 262_144;

export class Memory {
  #held = new Map();
  #entries;

  constructor(entries) {
    this.#entries = entries;
  }

  get(key) {
    const entry = this.#held.get(key);
    if (entry) {
      this.#held.delete(key);
      this.#held.set(key, entry);
    }
    return entry ?? null;
  }

  set(key, entry) {
    if (this.#entries === 0 || entry.answer.content.length > MOST_CHARACTERS) return;
    this.#held.delete(key);
    this.#held.set(key, entry);
    if (this.#held.size > this.#entries) this.#held.delete(this.#held.keys().next().value);
  }
}
