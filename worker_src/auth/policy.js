/** The key of an Authorization header, null if it holds none. */
export function bearer(header) {
  const match = /^Bearer +([\x21-\x7e]{1,512})$/i.exec(header ?? "");
  return match ? match[1] : null;
}

/** Lower-case hex of bytes. */
export const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Bytes of hex digits. */
export const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

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
