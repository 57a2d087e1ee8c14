const ALGORITHM = { name: "HMAC", hash: "SHA-256" };

/** A key for HMAC-SHA-256 from raw bytes. */
export const hmacKey = (bytes) => crypto.subtle.importKey("raw", bytes, ALGORITHM, false, ["sign", "verify"]);

/** The HMAC-SHA-256 of bytes. */
export const hmac = (key, bytes) => crypto.subtle.sign("HMAC", key, bytes);

/** Whether `signature` is the HMAC-SHA-256 of `bytes`; takes the same time wherever it differs. */
export const verified = (key, signature, bytes) => crypto.subtle.verify("HMAC", key, signature, bytes);
