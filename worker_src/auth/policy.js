import { fields } from "../crypto/fields.js";

/** The key of an Authorization header, null if it holds none. */
export function bearer(header) {
  const match = /^Bearer +([\x21-\x7e]{1,512})$/i.exec(header ?? "");
  return match ? match[1] : null;
}

/** The key that a request carries, null if none: a bearer's, else that of `x-api-key`, as Anthropic's clients have sent it. */
export function keyOf(headers) {
  const key = headers.get("x-api-key") ?? "";
  return bearer(headers.get("authorization")) ?? (/^[\x21-\x7e]{1,512}$/.test(key) ? key : null);
}

/**
 * Compares without stopping at the first difference, so that the time taken tells nothing of where it is.
 * Lengths are not secret: both sides are digests of one size.
 */
export function constantTimeEqual(left, right) {
  let difference = left.length ^ right.length;
  for (let index = 0; index < left.length; index += 1) {
    difference |= left.charCodeAt(index) ^ right.charCodeAt(index % right.length);
  }
  return difference === 0;
}

/** The name behind a digest; looks at every entry, whichever matches. */
export function holder(digest, hashes) {
  let found = null;
  for (const [known, name] of Object.entries(hashes)) {
    if (constantTimeEqual(digest, known)) found = name;
  }
  return found;
}

/**
 * `key=..,t=..,n=..,v1=..` of a signed request as an object; null if it is not of that form. `t` in seconds since the
 * epoch; the nonce `n` is 16 to 64 characters.
 */
export function signatureOf(header) {
  const { key, t, n, v1, ...more } = fields(header);
  const formed =
    /^[a-z0-9-]{1,40}$/.test(key ?? "") && /^\d{1,12}$/.test(t ?? "") && /^[A-Za-z0-9_-]{16,64}$/.test(n ?? "") && /^[0-9a-f]{64}$/.test(v1 ?? "");
  return formed && Object.keys(more).length === 0 ? { key, t: Number(t), n, v1 } : null;
}

/** What is signed: the key's name, time, nonce, method, path with query, and the body's hash. */
export const signedText = ({ key, t, n }, method, url, bodyHash) => `${key}.${t}.${n}.${method}.${url.pathname}${url.search}.${bodyHash}`;
