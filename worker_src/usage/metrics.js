/** More series than this are not begun: a label may not fill the isolate's memory. */
const MOST_SERIES = 1_000;

const COUNTERS = {
  requests_total: ["Requests, by outcome and cache.", () => 1, ({ kind }) => kind === "request"],
  tokens_input_total: ["Prompt tokens of upstreams.", ({ tokens_in: tokens }) => tokens],
  tokens_output_total: ["Completion tokens of upstreams.", ({ tokens_out: tokens }) => tokens],
  cost_usd_total: ["US dollars.", ({ cost }) => cost],
  saved_usd_total: ["US dollars that the cache saved.", ({ saved }) => saved],
};
const LABELS = ["model", "target", "cache", "outcome"];

/** What this isolate has counted since it began, per tenant; other isolates have counts of their own. */
export class Metrics {
  #series = new Map();

  /** Counts a record of usage. */
  take = (_, { tenant, points }) => points.forEach((point) => this.#add(tenant, point));

  #add(tenant, point) {
    const labels = [tenant, ...LABELS.map((name) => point[name] ?? "")];
    const name = JSON.stringify(labels);
    if (!this.#series.has(name)) {
      if (this.#series.size >= MOST_SERIES) return;
      this.#series.set(name, { labels, values: Object.fromEntries(Object.keys(COUNTERS).map((counter) => [counter, 0])) });
    }
    const { values } = this.#series.get(name);
    for (const [counter, [, amount, counts = () => true]] of Object.entries(COUNTERS)) if (counts(point)) values[counter] += amount(point) ?? 0;
  }

  /** Prometheus text of one tenant's series. */
  text(tenant) {
    const own = [...this.#series.values()].filter(({ labels }) => labels[0] === tenant);
    return Object.entries(COUNTERS).map(([counter, [help]]) => {
      const lines = own.map(({ labels, values }) => `edgewright_${counter}{${LABELS.map((name, place) => `${name}=${quoted(labels[place + 1])}`).join(",")}} ${values[counter]}`);
      return [`# HELP edgewright_${counter} ${help}`, `# TYPE edgewright_${counter} counter`, ...lines, ""].join("\n");
    }).join("");
  }
}

const quoted = (text) => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
