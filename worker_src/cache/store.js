import { sha256 } from "../crypto/bytes.js";

/** A KV that takes longer than this is slower than asking the model. */
const READ_MS = 1_000;

const PLAIN = { seal: async (_name, entry) => entry, open: async (_name, kept) => kept };

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
   * @param {{seal(name, entry, env): Promise<object>, open(name, kept, env): Promise<object>}} [sealing]
   */
  constructor(ttl, sealing = PLAIN) {
    this.#ttl = ttl;
    this.#sealing = sealing;
  }

  /** The name under which a canonical request's answer is kept; null where there is no KV. */
  async nameOf(env, request) {
    return env.CACHE ? sha256(request) : null;
  }

  /** The entry of a name, null if there is none. */
  async get(env, name) {
    if (name === null) return null;
    let timer;
    try {
      const late = new Promise((resolve) => {
        timer = setTimeout(resolve, READ_MS, null);
      });
      return await Promise.race([this.#read(env, name), late]);
    } catch (thrown) {
      console.warn("cache read failed", thrown?.name);
      return null;
    } finally {
      clearTimeout(timer);
    }
  }

  async #read(env, name) {
    const kept = await env.CACHE.get(name, "json");
    const entry = kept ? await this.#sealing.open(name, kept, env) : null;
    return entry?.answer ? entry : null;
  }

  async put(env, name, entry) {
    if (name === null) return;
    try {
      const kept = await this.#sealing.seal(name, entry, env);
      await env.CACHE.put(name, JSON.stringify(kept), { expirationTtl: this.#ttl });
    } catch (thrown) {
      console.warn("cache write failed", thrown?.name);
    }
  }

  /** Whether an entry of the memory layer is past its time. */
  expired(entry, now) {
    return now - entry.at > this.#ttl * 1000;
  }
}
