/**
 * Keeps callers from waiting for a target that is known to fail. Each isolate learns for itself: after `failures` in a
 * row, or when a target asks for a pause, the target is open (not called) for `open_ms`; then one request at a time
 * probes it, with at most `probe_ms` to the first byte. A probe that succeeds closes it, one that fails opens it for
 * twice as long, up to `max_open_ms`. The patience with a probe grows with its pause, and after the longest pause it has
 * the target's own limits: a target that is slow and well comes back, a silent one costs few callers their time. Not a
 * step of the pipeline: the fallback plan asks it.
 */
export function breaker({ breaker: settings }) {
  return new Breaker(settings);
}

/** A failed target that asks for less of a pause than this is not worth leaving out. */
const SHORTEST_PAUSE_MS = 1_000;

const HEALTHY = Object.freeze({ failures: 0, until: 0, span: 0, probed: 0 });

class Breaker {
  #settings;
  #targets = new Map();

  constructor(settings) {
    this.#settings = settings;
  }

  /** How long a probe of this target may wait for the first byte, milliseconds. */
  patience(target) {
    const { open_ms: shortest, max_open_ms: longest, probe_ms: first } = this.#settings;
    const { span } = this.#state(target);
    return span >= longest ? longest : Math.max(first, (first * span) / shortest);
  }

  /** May this target be called now? `closed`: yes; `probe`: yes, and the outcome decides; `open`: no. */
  admit(target, now) {
    const state = this.#state(target);
    if (state.until === 0) return "closed";
    // A probe's outcome may never be told, where its isolate lost the request: it is not waited for for ever.
    if (now < state.until || now - state.probed < 2 * this.patience(target)) return "open";
    this.#set(target, { ...state, probed: now });
    return "probe";
  }

  /** When an open target may be probed, milliseconds since the epoch. */
  reopens(target) {
    return this.#state(target).until;
  }

  /** An answer has begun: a probe has its verdict, but one more failure is enough to open again. */
  began(target, admission) {
    if (admission === "probe") this.#set(target, { ...HEALTHY, failures: this.#settings.failures - 1, span: this.#state(target).span });
  }

  /** The call is over; `failure` is null if it was whole. */
  ended(target, admission, failure, now) {
    const state = this.#state(target);
    if (failure === null) return this.#set(target, HEALTHY);
    if (!failure.rule.ill) return admission === "probe" ? this.#set(target, { ...state, probed: 0 }) : undefined;
    if (state.until > now || (state.until > 0 && admission !== "probe")) return undefined;
    return this.#failed(target, state, failure, now);
  }

  #failed(target, state, failure, now) {
    const { failures: most, open_ms: shortest, max_open_ms: longest } = this.#settings;
    const failures = state.failures + 1;
    const pause = failure.retryAfter ?? 0;
    if (failures < most && state.until === 0 && pause < SHORTEST_PAUSE_MS) return this.#set(target, { ...state, failures });
    const span = Math.min(longest, state.span ? state.span * 2 : shortest);
    return this.#set(target, { failures, until: now + Math.min(longest, Math.max(span, pause)), span, probed: 0 });
  }

  #state(target) {
    return this.#targets.get(target) ?? HEALTHY;
  }

  #set(target, state) {
    this.#targets.set(target, state);
  }
}
