import { Collector } from "./collector.js";
import { attributesOf, spans } from "./spans.js";
import { traces } from "./trace.js";

/**
 * Spans to a collector, by OTLP over HTTP in JSON. No step of the pipeline: usage tells it each of its records, and one record
 * is one batch, sent when all else is over.
 * @returns {(context: object, record: {tenant: string, points: object[], calls: object[]}) => void}
 */
export function telemetry(config) {
  const trace = traces(config.telemetry.sample_ratio);
  const collector = new Collector(config.telemetry);
  const told = spans(config);
  return (context, record) => {
    const found = trace(context.request);
    if (!found.sampled) return;
    const { sampled: _, ...ids } = found;
    const list = told(context, record, ids);
    if (!list.length) return;
    const batch = { resourceSpans: [{ resource: resourceOf(config, context.env), scopeSpans: [{ scope: { name: "edgewright" }, spans: list }] }] };
    context.afterwards(collector.send(batch, JSON.parse(context.env.OTLP_HEADERS ?? "{}")));
  };
}

function resourceOf({ worker, environment }, { CONTENT_HASH: version }) {
  return { attributes: attributesOf({ "service.name": worker, "service.version": version, "deployment.environment.name": environment }) };
}
