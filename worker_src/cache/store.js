/** A KV that takes longer than this is slower than asking the model. */
const READ_MS = 1_000;

/**
 * Answers in Workers KV: `{at, target, answer}`, `at` in milliseconds. KV slow, failing or absent is a miss, and never
 * a failure of the request. The only file that touches the binding.
 */
export class Store {
  #ttl;

  /** @param {number} ttl seconds */
  constructor(ttl) {
    this.#ttl = ttl;
  }

  async get(env, key) {
    if (!env.CACHE) return null;
    let timer;
    try {
      const late = new Promise((resolve) => {
        timer = setTimeout(resolve, READ_MS, null);
      });
      const entry = await Promise.race([env.CACHE.get(key, "json"), late]);
      return entry?.answer ? entry : null;
    } catch (thrown) {
      console.warn("cache read failed", thrown?.name);
      return null;
    } finally {
      clearTimeout(timer);
    }
  }

  async put(env, key, entry) {
    if (!env.CACHE) return;
    try {
      await env.CACHE.put(key, JSON.stringify(entry), { expirationTtl: this.#ttl });
    } catch (thrown) {
      console.warn("cache write failed", thrown?.name);
    }
  }

  /** Whether an entry of the memory layer is past its time. */
  expired(entry, now) {
    return now - entry.at > this.#ttl * 1000;
  }
}
