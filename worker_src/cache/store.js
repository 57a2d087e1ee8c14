import { sha256 } from "../crypto/bytes.js";

/** A KV that takes longer than this is slower than asking the model. */
const READ_MS = 1_000;

const PLAIN = { seal: async (_key, entry) => entry, open: async (_key, kept) => kept };

/**
 * Answers in Workers KV: `{at, target, answer}`, `at` in milliseconds, under the SHA-256 of their canonical request;
 * sealed if the stack says so. KV slow, failing or absent is a miss, and never a failure of the request. The only file
 * that touches the binding.
 */
export class Store {
  #ttl;
  #sealing;

  /**
   * @param {number} ttl seconds
   * @param {{seal(key, entry, env): Promise<object>, open(key, kept, env): Promise<object>}} [sealing]
   */
  constructor(ttl, sealing = PLAIN) {
    this.#ttl = ttl;
    this.#sealing = sealing;
  }

  /** The entry of a canonical request, null if there is none. */
  async get(env, request) {
    if (!env.CACHE) return null;
    let timer;
    try {
      const late = new Promise((resolve) => {
        timer = setTimeout(resolve, READ_MS, null);
      });
      return await Promise.race([this.#read(env, request), late]);
    } catch (thrown) {
      console.warn("cache read failed", thrown?.name);
      return null;
    } finally {
      clearTimeout(timer);
    }
  }

  async #read(env, request) {
    const key = await sha256(request);
    const kept = await env.CACHE.get(key, "json");
    const entry = kept ? await this.#sealing.open(key, kept, env) : null;
    return entry?.answer ? entry : null;
  }

  async put(env, request, entry) {
    if (!env.CACHE) return;
    try {
      const key = await sha256(request);
      const kept = await this.#sealing.seal(key, entry, env);
      await env.CACHE.put(key, JSON.stringify(kept), { expirationTtl: this.#ttl });
    } catch (thrown) {
      console.warn("cache write failed", thrown?.name);
    }
  }

  /** Whether an entry of the memory layer is past its time. */
  expired(entry, now) {
    return now - entry.at > this.#ttl * 1000;
  }
}
