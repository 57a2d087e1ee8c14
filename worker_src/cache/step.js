import { EdgeError } from "../errors.js";
import { answerEvents } from "../upstream/shapes.js";
import { Flight } from "./flight.js";
import { cacheKey } from "./key.js";
import { Memory } from "./memory.js";
import { Collector, cacheable, directives, storable } from "./policy.js";
import { Store } from "./store.js";

/** Who follows a shared call may be slow, so what came is kept until it ends; no model's answer is longer. */
const MOST_CHARACTERS = 8_388_608;

/**
 * Answers from memory or KV, lets identical requests in flight share one call, and keeps finished answers. Comes after
 * authentication, and the tenant is in the key, so nobody is served what is not theirs.
 */
export function cache(config) {
  const layers = { memory: new Memory(config.cache.memory_entries), store: new Store(config.cache.ttl_seconds), flights: new Map() };
  return async (context, next) => {
    const asked = directives(context.request.headers.get("cache-control"));
    if (!asked.write || !cacheable(context.chat, context.drill)) {
      context.facts.cache = "BYPASS";
      return next();
    }
    const key = await cacheKey(context.caller.tenant, context.chat);
    const entry = asked.read ? await find(layers, context, key, asked.maxAge) : null;
    if (entry) return hit(context, entry);
    const flying = asked.read ? layers.flights.get(key) : null;
    if (flying) return join(context, flying);
    return depart(layers, context, next, key);
  };
}

async function find({ memory, store }, context, key, maxAge) {
  const now = Date.now();
  const fits = (entry) => entry && !store.expired(entry, now) && (maxAge === null || now - entry.at <= maxAge * 1000);
  const held = memory.get(key);
  if (fits(held)) return held;
  const kept = await store.get(context.env, key);
  if (!fits(kept)) return null;
  memory.set(key, kept);
  return kept;
}

function hit(context, { at, target, answer }) {
  Object.assign(context.facts, { cache: "HIT", target, age: Math.max(0, Math.floor((Date.now() - at) / 1000)) });
  return context.chat.stream ? { events: streamed([answerEvents(answer)]) } : { answer };
}

async function* streamed(lists) {
  yield* lists;
}

/** Follows a call that another request began. */
async function join(context, { flight, leader }) {
  context.facts.cache = "COALESCED";
  const follower = flight.follow();
  const outcome = await follow(context, follower);
  context.facts.target = leader.facts.target;
  return outcome;
}

/** Begins a call that others may follow. */
async function depart(layers, context, next, key) {
  context.facts.cache = "MISS";
  const flight = new Flight();
  const flying = { flight, leader: context };
  layers.flights.set(key, flying);
  const follower = flight.follow();
  const land = () => {
    if (layers.flights.get(key) === flying) layers.flights.delete(key);
  };
  context.waitUntil(fly(layers, context, next, key, flight).finally(land));
  return follow(context, follower);
}

/** Carries out the call, publishes what comes and keeps a finished answer. */
async function fly({ memory, store }, context, next, key, flight) {
  const abort = new AbortController();
  flight.abandoned.then(() => abort.abort());
  context.signal = abort.signal;
  const collector = new Collector();
  try {
    const outcome = await next();
    const lists = outcome.events ?? [answerEvents(outcome.answer)];
    for await (const events of lists) {
      collector.add(events);
      if (collector.size > MOST_CHARACTERS) throw new EdgeError("upstream_error", "The model's answer does not end.");
      flight.publish(events);
    }
    flight.end();
  } catch (thrown) {
    flight.end(thrown);
    return;
  }
  const { answer } = collector;
  if (answer && storable(answer)) {
    const entry = { at: Date.now(), target: context.facts.target, answer };
    memory.set(key, entry);
    await store.put(context.env, key, entry);
  }
}

/** A follower's outcome: events for a stream (from its first list on), the whole answer otherwise. */
async function follow(context, follower) {
  const leave = () => follower.leave();
  context.request.signal?.addEventListener("abort", leave);
  const first = await follower.next();
  if (first.done) throw new EdgeError("client_closed_request", "The caller has left.");
  if (context.chat.stream) return { events: resumed(first, follower) };
  const collector = new Collector();
  for (let part = first; !part.done; part = await follower.next()) collector.add(part.value);
  context.request.signal?.removeEventListener("abort", leave);
  if (!collector.answer) throw new EdgeError("client_closed_request", "The caller has left.");
  return { answer: collector.answer };
}

function resumed(first, follower) {
  let waiting = first;
  const next = () => {
    const ready = waiting;
    waiting = null;
    return ready ?? follower.next();
  };
  return { [Symbol.asyncIterator]: () => ({ next, return: follower.return }) };
}
