const text = new TextEncoder();

/** UTF-8 bytes of a text. */
export const utf8 = (value) => text.encode(value);

/** Lower-case hex of bytes. */
export const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Bytes of hex digits. */
export const unhex = (digits) => Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

/** Hex SHA-256 of a text. */
export const sha256 = async (value) => hex(await crypto.subtle.digest("SHA-256", utf8(value)));
