const SECONDS = 60;

/** `t=..,n=..,fault=..,sig=..` as an object; null if it is not of that form. */
export function parse(header) {
  const fields = Object.fromEntries(header.split(",").map((part) => part.trim().split("=", 2)));
  const { t, n, fault, sig } = fields;
  if (!/^\d{1,12}$/.test(t ?? "") || !/^[A-Za-z0-9_-]{8,64}$/.test(n ?? "") || !/^[0-9a-f]{64}$/.test(sig ?? "")) return null;
  return { t: Number(t), n, fault, sig };
}

/** Whether a drill's time is within a minute of now (seconds). */
export const fresh = (t, now) => Math.abs(now - t) <= SECONDS;

/** Nonces seen within the last two minutes; bounded, the oldest goes first. */
export class Nonces {
  #seen = new Map();

  /** True the first time a nonce is shown. */
  take(nonce, now) {
    for (const [old, at] of this.#seen) {
      if (now - at <= 2 * SECONDS && this.#seen.size < 10_000) break;
      this.#seen.delete(old);
    }
    if (this.#seen.has(nonce)) return false;
    this.#seen.set(nonce, now);
    return true;
  }
}
