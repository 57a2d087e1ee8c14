import { unhex, utf8 } from "../crypto/bytes.js";

/** Bytes of a nonce of AES-GCM (NIST SP 800-38D, 8.2). */
const NONCE = 12;

/**
 * Seals cached answers with AES-256-GCM. The secret `CACHE_KEYS` is a list of `{id, key}`: the first seals, each opens,
 * so that keys can be changed without losing what is kept. What is bound to another request, altered or not sealed at
 * all is no answer. Not a step of the pipeline: the cache's store asks it.
 */
export function encryption() {
  let loaded = null;
  const keysOf = async (env) => (loaded ??= await load(env.CACHE_KEYS));
  return {
    /** `{sealed: id, nonce, data}` of an entry, base64. */
    async seal(name, entry, env) {
      const [[id, key]] = await keysOf(env);
      const nonce = crypto.getRandomValues(new Uint8Array(NONCE));
      const data = await crypto.subtle.encrypt(settings(nonce, name), key, utf8(JSON.stringify(entry)));
      return { sealed: id, nonce: base64(nonce), data: base64(new Uint8Array(data)) };
    },
    /** The entry; null if none of the keys opens it. */
    async open(name, { sealed, nonce, data }, env) {
      const key = (await keysOf(env)).get(sealed);
      if (!key) return null;
      const opened = await crypto.subtle.decrypt(settings(bytes(nonce), name), key, bytes(data));
      return JSON.parse(new TextDecoder().decode(opened));
    },
  };
}

const settings = (iv, name) => ({ name: "AES-GCM", iv, additionalData: utf8(name) });

const base64 = (data) => btoa(Array.from(data, (byte) => String.fromCharCode(byte)).join(""));
const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

async function load(text) {
  const known = JSON.parse(text).map(async ({ id, key }) => [id, await crypto.subtle.importKey("raw", unhex(key), "AES-GCM", false, ["encrypt", "decrypt"])]);
  return new Map(await Promise.all(known));
}
