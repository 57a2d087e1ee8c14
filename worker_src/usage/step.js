import { Metrics } from "./metrics.js";
import { Point, written } from "./point.js";

/**
 * One data point a request in Analytics Engine. `answers` stands before everything that answers, also in a conversation's
 * object, where a run may outlive its caller; `requests` counts what never gets there: refusals, and turns that are
 * repeated; `lost` counts a turn that was taken in and never answered to its end. A point never holds a prompt or an answer, and
 * what goes wrong with it is no caller's matter.
 * @param {object} config
 * @param {{alerts?: {spent: Function}, telemetry?: Function}} [also] who is told each record too: see `Point`
 * @returns {{requests: Function, answers: Function, lost: Function, routes: object[], pages: object}} two steps, and `/metrics`
 */
export function usage(config, { alerts, telemetry } = {}) {
  const metrics = new Metrics();
  const sinks = [metrics.take, written, telemetry, alerts?.spent].filter(Boolean);
  return {
    requests: requests(config, sinks),
    answers: answers(sinks),
    lost: (context, thrown, events) => {
      const point = new Point(context, sinks);
      point.takeAll(events);
      point.end(thrown);
    },
    routes: [{ name: "metrics", scope: "usage", endpoint: "/metrics", methods: ["GET"] }],
    pages: { metrics: ({ caller }) => new Response(metrics.text(caller.tenant), { headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" } }) },
  };
}

/** Scopes of the routes that ask models. */
const ASKING = new Set(["chat", "embeddings"]);

function requests(config, sinks) {
  const keyed = config.auth.mode === "keys";
  return async (context, next) => {
    if (!ASKING.has(context.route.scope)) return next();
    try {
      const response = await next();
      if (context.facts.repeated) new Point(context, sinks).end(null);
      return response;
    } catch (thrown) {
      const { counted, run } = context.facts;
      if (!counted && !run && !context.route.aside) new Point(context, sinks, { unknown: keyed && context.caller.name === "anonymous" }).end(thrown);
      throw thrown;
    }
  };
}

function answers(sinks) {
  return async (context, next) => {
    const point = new Point(context, sinks);
    context.facts.counted = true;
    // The point is written after the answer: the request must live so long.
    context.waitUntil(point.written);
    let outcome;
    try {
      outcome = await next();
    } catch (thrown) {
      point.end(thrown);
      throw thrown;
    }
    point.begin();
    if (outcome.events) return { events: watched(outcome.events, point) };
    point.take(outcome.answer);
    point.end(null);
    return outcome;
  };
}

/** A stream whose end, failure or loss writes the point. */
function watched(events, point) {
  return {
    async next() {
      try {
        const part = await events.next();
        if (part.done) point.end(null);
        else point.takeAll(part.value);
        return part;
      } catch (thrown) {
        point.end(thrown);
        throw thrown;
      }
    },
    async return() {
      const done = await events.return();
      point.leave();
      return done;
    },
  };
}
