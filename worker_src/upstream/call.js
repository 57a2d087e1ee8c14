import { listed } from "../streaming/lists.js";
import { readJson } from "./body.js";
import { UpstreamFailure } from "./failure.js";
import { Guard } from "./guard.js";
import { ModelStream } from "./model_stream.js";
import { answerEvents, modelOf, readAnswer } from "./shapes.js";

/** `<upstream>/<model>`: how a target is called in headers and reports. */
export const nameOf = (target) => `${target.upstream}/${target.model}`;

/**
 * Calls one target of a model: `(context, target, options) => {answer} | {events}`.
 *
 * Options: `chat` (the context's unless given), `until` (milliseconds since the epoch by which the first event or the
 * whole answer must be there), `settled(failure | null)` (called once, when the call is over). A stream is returned
 * only when its first event has come: until then a failure can still be mended by another target.
 *
 * Each call is noted in `context.facts.calls`: see `Call`.
 * @throws {UpstreamFailure}
 */
export function createUpstream(config, backends) {
  return async (context, target, { chat = context.chat, until, settled } = {}) => {
    const guard = new Guard(context.signal, until);
    const record = new Call(nameOf(target), settled);
    context.facts.calls.push(record);
    let pending = null;
    try {
      guard.stage(target.timeouts.connect_ms);
      const settings = config.upstreams[target.upstream];
      const backend = context.drill?.backend(target) ?? backends[settings.type];
      pending = backend({ settings, target, chat: asked(chat, target), env: context.env, signal: guard.signal });
      const response = await guard.race(pending);
      record.status = response.status;
      guard.stage(target.timeouts.first_token_ms);
      const outcome = await read(response, chat, target, guard, record, context.waitUntil);
      record.first_ms = record.elapsed;
      Object.assign(context.facts, { target: record.target, upstream_ms: record.first_ms });
      return outcome;
    } catch (thrown) {
      const failure = guard.failure ?? (thrown instanceof UpstreamFailure ? thrown : new UpstreamFailure("network"));
      guard.stop(failure);
      // What answers after all is not read.
      pending?.then((late) => late.body?.cancel()).catch(() => {});
      record.status ??= failure.status;
      record.end(failure);
      throw failure;
    }
  };
}

/** One upstream call as usage and reports see it. */
class Call {
  #settled;
  #ended;
  /** Milliseconds since the epoch. */
  started = Date.now();
  /** `ok`, or the kind of its failure; null while it goes on. */
  outcome = null;
  /** The upstream's HTTP status, null if it did not answer. */
  status = null;
  /** Whether anything of an answer came. */
  began = false;
  usage = null;
  /** Whether the usage was counted here, because the upstream did not tell it. */
  estimated = false;
  /** What the upstream told: why its answer ended, which model gave it. */
  finish = null;
  model = null;
  /** Milliseconds to its first event, and to its end. */
  first_ms = null;
  ms = null;
  /** Settles at the end. */
  over = new Promise((resolve) => {
    this.#ended = resolve;
  });

  constructor(target, settled) {
    this.target = target;
    this.#settled = settled;
  }

  get elapsed() {
    return Date.now() - this.started;
  }

  end(failure) {
    if (this.outcome !== null) return;
    this.outcome = failure ? failure.kind : "ok";
    this.ms = this.elapsed;
    this.#ended();
    this.#settled?.(failure);
  }
}

/** What a target is asked: the whole answer where its model does not stream, or not what it is asked for. */
function asked(chat, { capabilities }) {
  const whole = capabilities?.streaming === false || (capabilities?.native && chat.settings.response_format);
  return chat.stream && whole ? { ...chat, stream: false } : chat;
}

async function read(response, chat, target, guard, record, waitUntil) {
  const streams = (response.headers.get("content-type") ?? "").toLowerCase().includes("event-stream");
  if (chat.stream && streams) {
    const events = new ModelStream(response.body, { chat, idle: target.timeouts.idle_ms, guard, record, waitUntil });
    await events.prime();
    return { events };
  }
  const reply = await guard.race(readJson(response));
  const { estimated = false, ...answer } = (chat.read ?? readAnswer)(reply, chat);
  guard.end();
  Object.assign(record, { began: true, usage: answer.usage, estimated, finish: answer.finish_reason, model: modelOf(reply) });
  record.end(null);
  // Some models answer a request for a stream with plain JSON.
  return chat.stream ? { events: listed(answerEvents(answer)) } : { answer };
}
