// An app whose spans are collected here, by a stand-in for the network.
import { harness, target } from "../fixture.js";

export const PRICE = { input: 1_000_000, output: 10_000_000, cached_input: null, neurons: { input: 2_000_000, output: 3_000_000 } };
export const priced = (model, more) => target(model, { price: PRICE, ...more });
export const MODELS = { m: { targets: [priced("one"), priced("two", { continuation: "restart" })] } };
export const TRACE = "0af7651916cd43dd8448eb211c80319c";
export const PARENT = "b7ad6b7169203331";

/**
 * `answer(exported)` stands for the collector: it gets `{url, init}` and gives a Response, or throws.
 * @returns {object} the harness, with `exports`, and `spans()`: all spans, attributes as plain values
 */
export function collected(t, { including = [], config = {}, telemetry = {}, answer = () => new Response("{}"), ...more } = {}) {
  const exports = [];
  t.mock.method(globalThis, "fetch", async (url, init) => {
    exports.push({ url, init, body: JSON.parse(init.body) });
    return answer({ url, init });
  });
  const settings = { endpoint: "https://otel.example/base", sample_ratio: 1, timeout_ms: 5_000, ...telemetry };
  const all = harness({ including: ["usage", "telemetry", ...including], config: { models: MODELS, telemetry: settings, ...config }, ...more });
  const spans = () => exports.flatMap(({ body }) => body.resourceSpans[0].scopeSpans[0].spans.map(plain));
  return { ...all, exports, spans, over: async () => (await all.settled(), await Promise.all(all.objects.afterwards)) };
}

export const plain = ({ attributes, ...span }) => ({ ...span, is: valuesOf(attributes) });
export const valuesOf = (attributes) => Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]));

function valueOf(value) {
  if ("arrayValue" in value) return value.arrayValue.values.map(valueOf);
  return "intValue" in value ? Number(value.intValue) : Object.values(value)[0];
}
