import { fields } from "../crypto/fields.js";

/** How far a drill's time may be from now, seconds. */
export const WINDOW = 60;

/** `t=..,n=..,fault=..,sig=..` as an object; null if it is not of that form. */
export function parse(header) {
  const { t, n, fault, sig } = fields(header);
  if (!/^\d{1,12}$/.test(t ?? "") || !/^[A-Za-z0-9_-]{8,64}$/.test(n ?? "") || !/^[0-9a-f]{64}$/.test(sig ?? "")) return null;
  return { t: Number(t), n, fault, sig };
}
