/**
 * How long to wait before trying the same target again: full jitter below a bound that doubles, or what the target
 * asked for; null if that goes past the deadline.
 * @param {{attempt: number, retryAfter: number|null, left: number, settings: object, random: number}} at milliseconds
 */
export function waitBefore({ attempt, retryAfter, left, settings, random }) {
  const bound = Math.min(settings.max_delay_ms, settings.base_delay_ms * 2 ** (attempt - 1));
  const wait = retryAfter ?? random * bound;
  return wait < left ? wait : null;
}
