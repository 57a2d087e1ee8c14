import { utf8 } from "../crypto/bytes.js";
import { hmac, hmacKey } from "../crypto/hmac.js";

/** How long a receiver may take, milliseconds. */
const PATIENCE_MS = 15_000;

/**
 * Sends a message as Standard Webhooks says (1.0.0): a receiver knows by the id that it has had it, by the time that it
 * is no replay, and by the signature whose it is. Several secrets: one signature each, while one takes over from another.
 * @param {string} url
 * @param {{id: string, body: string}} message
 * @param {string[]} secrets `whsec_` and base64
 * @returns {Promise<number>} the receiver's status
 * @throws {Error} the receiver did not answer, or not in time
 */
export async function send(url, { id, body }, secrets) {
  const timestamp = String(Math.floor(Date.now() / 1000));
  const signatures = await Promise.all(secrets.map((secret) => signature(secret, `${id}.${timestamp}.${body}`)));
  const response = await fetch(url, {
    method: "POST",
    redirect: "manual", // it was signed for this address
    signal: AbortSignal.timeout(PATIENCE_MS),
    headers: {
      "content-type": "application/json",
      "user-agent": "edgewright",
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      "webhook-signature": signatures.join(" "),
    },
    body,
  });
  await response.body?.cancel();
  return response.status;
}

async function signature(secret, content) {
  const key = await hmacKey(bytesOf(secret.slice("whsec_".length)));
  return `v1,${base64(await hmac(key, utf8(content)))}`;
}

const bytesOf = (encoded) => Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
const base64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
