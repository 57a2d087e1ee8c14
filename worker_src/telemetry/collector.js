/** So many exports may be under way in an isolate: a collector that hangs fills nothing. */
const MOST_PENDING = 64;

/**
 * A collector of OpenTelemetry that is sent each batch once, within a deadline. What it does not take is lost, and nothing
 * of this is a request's matter.
 */
export class Collector {
  #url;
  #timeout;
  /** Until when each export may last; one whose request the runtime has ended is never taken out otherwise. */
  #pending = new Set();

  /** @param {{endpoint: string, timeout_ms: number}} settings */
  constructor({ endpoint, timeout_ms: timeout }) {
    this.#url = `${endpoint}/v1/traces`;
    this.#timeout = timeout;
  }

  /**
   * @param {object} batch an ExportTraceServiceRequest
   * @param {Record<string, string>} headers
   * @returns {Promise<void>} settles when it was sent, or is given up; never fails
   */
  async send(batch, headers) {
    const mine = { until: Date.now() + this.#timeout };
    for (const other of this.#pending) if (other.until < Date.now()) this.#pending.delete(other);
    if (this.#pending.size >= MOST_PENDING) return console.warn("spans were dropped: the collector is behind");
    this.#pending.add(mine);
    try {
      await this.#post(JSON.stringify(batch), headers);
    } catch (thrown) {
      console.warn("spans were not exported", thrown?.name);
    }
    this.#pending.delete(mine);
  }

  async #post(body, headers) {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), this.#timeout);
    try {
      // A redirect would take the headers, which are secret, to another host.
      const response = await fetch(this.#url, { method: "POST", headers: { ...headers, "content-type": "application/json" }, body, signal: late.signal, redirect: "manual" });
      if (!response.ok) console.warn("a collector did not take spans", response.status);
      await response.body?.cancel();
    } finally {
      clearTimeout(timer);
    }
  }
}
