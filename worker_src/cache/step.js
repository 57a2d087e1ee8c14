import { userOf } from "../protocols/chat.js";
import { Collector } from "../protocols/collector.js";
import { DONE, listed, resumed } from "../streaming/lists.js";
import { deadline } from "../upstream/deadline.js";
import { UpstreamFailure } from "../upstream/failure.js";
import { answerEvents } from "../upstream/shapes.js";
import { Flight } from "./flight.js";
import { canonicalRequest } from "./key.js";
import { Memory } from "./memory.js";
import { cacheable, directives, storable } from "./policy.js";
import { Store } from "./store.js";

/** A longer answer is passed on, but neither shared from its beginning nor kept (characters). */
const MOST_SHARED = 1_048_576;

/**
 * Answers from memory or KV, lets identical requests in flight share one call, and keeps finished answers. Comes after
 * authentication, and the tenant is in the key, so nobody is served what is not theirs.
 * @param {object} config
 * @param {(config: object) => object} [encryption] seals what is kept in KV
 */
export function cache(config, encryption) {
  const layers = {
    settings: config.cache,
    memory: new Memory(config.cache.memory_entries),
    store: new Store(config.cache.ttl_seconds, encryption?.(config)),
    flights: new Map(),
    deadline: config.fallback?.deadline_ms ?? 0,
  };
  // Where limits count, a call is shared by those who are counted together: what one is refused is not for all.
  const flightOf = config.limits.rules.length ? (key, context) => JSON.stringify([key, context.caller.name, userOf(context.chat)]) : (key) => key;
  return async (context, next) => {
    const until = deadline(context, Infinity);
    const asked = directives(context.request.headers.get("cache-control"));
    if (!asked.write || !cacheable(context.chat, context.drill, layers.settings)) {
      context.facts.cache = "BYPASS";
      return next();
    }
    const key = canonicalRequest(context.caller.tenant, context.chat);
    const { memory, store, flights } = layers;
    const fits = fitting(store, asked);
    const held = memory.get(key);
    if (fits(held)) return hit(context, held);
    const name = await store.nameOf(context.env, key);
    const kept = asked.read ? await store.get(context.env, name) : null;
    if (fits(kept)) {
      memory.set(key, kept, sizeOf(kept.answer));
      return hit(context, kept);
    }
    // A call that was in flight when KV was asked may have landed since.
    const landed = memory.get(key);
    if (fits(landed)) return hit(context, landed);
    // A request with a deadline of its own decides for nobody else.
    if (until !== Infinity) {
      context.facts.cache = "MISS";
      return next();
    }
    const number = flightOf(key, context);
    const flying = asked.read ? flights.get(number) : null;
    const shared = flying && !flying.flight.over;
    return shared ? join(context, flying) : depart(layers, context, next, { key, name, number });
  };
}

/** Whether an entry is young enough for what a request asks. */
function fitting(store, { read, maxAge }) {
  const now = Date.now();
  return (entry) => read && entry && !store.expired(entry, now) && (maxAge === null || now - entry.at <= maxAge * 1000);
}

const sizeOf = ({ content, reasoning, tool_calls: calls, vectors }) =>
  (content ?? "").length + (reasoning ?? "").length + [calls, vectors].reduce((size, list) => size + (list?.length ? JSON.stringify(list).length : 0), 0);

function hit(context, { at, target, answer }) {
  Object.assign(context.facts, { cache: "HIT", target, age: Math.max(0, Math.floor((Date.now() - at) / 1000)) });
  return context.chat.stream ? { events: listed(answerEvents(answer)) } : { answer };
}

/** Follows a call that another request began. */
async function join(context, { flight, leader }) {
  context.facts.cache = "COALESCED";
  const outcome = await follow(context, flight.follow({ guest: true }));
  context.facts.target = leader.facts.target;
  return outcome;
}

/** Begins a call that others may follow. */
function depart(layers, context, next, at) {
  const { number } = at;
  context.facts.cache = "MISS";
  const flight = new Flight(longestSilence(context, layers.deadline));
  const flying = { flight, leader: context };
  layers.flights.set(number, flying);
  const follower = flight.follow();
  const abort = new AbortController();
  context.signal = abort.signal;
  const land = () => {
    if (layers.flights.get(number) === flying) layers.flights.delete(number);
  };
  context.waitUntil(fly(layers, context, next, { ...at, land }, flight));
  // Whether guests still follow only a timer of this request can tell.
  const left = () => context.waitUntil(flight.abandoned().then(() => abort.abort()));
  return follow(context, follower, left);
}

/** Longer than this no call is silent: milliseconds. */
function longestSilence({ chat }, deadline) {
  const limits = chat.targets.map(({ timeouts }) => Math.max(timeouts.connect_ms + timeouts.first_token_ms, timeouts.idle_ms));
  return Math.max(deadline, ...limits) + 1_000;
}

/** Carries out the call, publishes what comes and keeps a finished answer. */
async function fly({ memory, store, settings }, context, next, { key, name, land }, flight) {
  const collector = new Collector();
  try {
    const { events, answer } = await next();
    if (events) await relay(events, collector, flight, land);
    else publish(answerEvents(answer), collector, flight);
    flight.end();
  } catch (thrown) {
    flight.end(thrown);
    return;
  } finally {
    // What has ended is not joined, however long KV takes to keep it.
    land();
  }
  const { answer } = collector;
  // Who deletes a conversation deletes what was said in it.
  if (context.conversation || collector.size > MOST_SHARED || !answer || !storable(answer, settings)) return;
  const entry = { at: Date.now(), target: context.facts.target, answer };
  memory.set(key, entry, collector.size);
  await store.put(context.env, name, entry);
}

/** Passes a stream on as it comes, no further ahead than it is wanted. */
async function relay(events, collector, flight, land) {
  for (let part = await events.next(); !part.done; part = await events.next()) {
    if (collector.size <= MOST_SHARED) publish(part.value, collector, flight);
    else {
      land();
      flight.close();
      flight.publish(part.value);
    }
    await flight.wanted();
  }
}

function publish(events, collector, flight) {
  collector.add(events);
  flight.publish(events);
}

/** A follower's outcome: events for a stream (from its first list on), the whole answer otherwise. One that leaves has not come to the end. */
async function follow(context, follower, left = () => {}) {
  let gone = false;
  const leave = async () => {
    if (!follower.left) {
      gone = true;
      void follower.return();
      left();
    }
    return DONE;
  };
  const next = async () => {
    const part = await follower.next();
    if (part.done && gone) throw new UpstreamFailure("left");
    return part;
  };
  const { signal } = context.request;
  if (signal?.aborted) await leave();
  else signal?.addEventListener("abort", leave);
  const first = await next();
  if (context.chat.stream) return { events: resumed(first, { next, return: leave }) };
  const collector = new Collector();
  for (let part = first; !part.done; part = await next()) collector.add(part.value);
  return { answer: collector.answer };
}
