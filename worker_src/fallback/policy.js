/**
 * How long to wait before the same target is tried again: full jitter below a bound that doubles, or what the target
 * asked for; null if that is longer than any wait may be, or goes past the deadline.
 * @param {{attempt: number, retryAfter: number|null, left: number, settings: object, random: number}} at milliseconds
 */
export function waitBefore({ attempt, retryAfter, left, settings, random }) {
  const bound = Math.min(settings.max_delay_ms, settings.base_delay_ms * 2 ** (attempt - 1));
  const wait = retryAfter ?? random * bound;
  return wait <= settings.max_delay_ms && wait < left ? wait : null;
}

/**
 * Keeps retries a share of the calls to a target, so that they do not multiply the load on one that is failing: each
 * first call saves `retry_ratio` of a retry, up to `retry_burst`.
 */
export class RetryBudget {
  #settings;
  #saved = new Map();

  constructor(settings) {
    this.#settings = settings;
  }

  save(target) {
    const { retry_ratio: ratio, retry_burst: burst } = this.#settings;
    this.#saved.set(target, Math.min(burst, this.#of(target) + ratio));
  }

  /** Whether one more retry may be made; takes it. */
  take(target) {
    const saved = this.#of(target);
    if (saved < 1) return false;
    this.#saved.set(target, saved - 1);
    return true;
  }

  #of(target) {
    return this.#saved.get(target) ?? this.#settings.retry_burst;
  }
}
