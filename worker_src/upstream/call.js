import { SseReader } from "../streaming/sse_reader.js";
import { UpstreamFailure } from "./failure.js";
import { EventReader, answerEvents, readAnswer } from "./shapes.js";
import { Deadline } from "./timers.js";

/** A whole answer is held in memory while it is read; no model's is longer. */
const MOST_CHARACTERS = 16_777_216;

/**
 * Calls one target of a model.
 * @returns {(context: object, target: object, signal: AbortSignal) => Promise<{answer: object}|{events: AsyncIterable<object[]>}>}
 *   for a stream, only when its first event has come: until then a failure can still be mended by another target
 */
export function createUpstream(config, backends) {
  return async (context, target, signal) => {
    const settings = config.upstreams[target.upstream];
    const deadline = new Deadline(signal);
    const started = Date.now();
    context.facts.attempts += 1;
    try {
      deadline.stage(target.timeouts.connect_ms);
      const backend = context.drill?.backend(target) ?? backends[settings.type];
      const call = { settings, target, chat: context.chat, env: context.env, signal: deadline.signal };
      const response = await deadline.race(backend(call));
      deadline.stage(target.timeouts.first_token_ms);
      const outcome = await read(response, context.chat, target, deadline);
      context.facts.target = `${target.upstream}/${target.model}`;
      context.facts.upstream_ms = Date.now() - started;
      return outcome;
    } catch (thrown) {
      deadline.abort();
      if (thrown instanceof UpstreamFailure) throw thrown;
      throw new UpstreamFailure(deadline.expired ? "timeout" : "network");
    }
  };
}

async function read(response, chat, target, deadline) {
  const streams = (response.headers.get("content-type") ?? "").includes("event-stream");
  if (chat.stream && streams) return { events: await primed(new ModelStream(response.body, target, deadline)) };
  const answer = readAnswer(await json(response, deadline));
  deadline.end();
  // Some models answer a request for a stream with plain JSON.
  return chat.stream ? { events: [answerEvents(answer)] } : { answer };
}

async function json(response, deadline) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await deadline.race(reader.read());
    text += done ? decoder.decode() : decoder.decode(value, { stream: true });
    if (done) break;
    if (text.length > MOST_CHARACTERS) throw new UpstreamFailure("malformed");
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new UpstreamFailure("malformed");
  }
}

/** The stream with its first events already read, so that an error in their place is a failure of the call. */
async function primed(stream) {
  const first = await stream.next();
  return {
    [Symbol.asyncIterator]() {
      let waiting = first;
      return {
        next: () => {
          const ready = waiting;
          waiting = null;
          return ready ?? stream.next();
        },
        return: () => stream.return(),
      };
    },
  };
}

/** A model's stream as lists of neutral events, one list for what each network read completes. */
class ModelStream {
  #reader;
  #sse = new SseReader();
  #events = new EventReader();
  #deadline;
  #idle;
  #done = false;

  constructor(body, target, deadline) {
    this.#reader = body.getReader();
    this.#deadline = deadline;
    this.#idle = target.timeouts.idle_ms;
  }

  async next() {
    if (this.#done) return { done: true, value: undefined };
    try {
      return await this.#advance();
    } catch (thrown) {
      await this.return();
      if (thrown instanceof UpstreamFailure) throw thrown;
      throw new UpstreamFailure(this.#deadline.expired ? "timeout" : "truncated");
    }
  }

  async #advance() {
    for (;;) {
      const { done, value } = await this.#deadline.race(this.#reader.read());
      const found = this.#decode(done ? this.#sse.end() : this.#sse.push(value));
      if (done || this.#events.ended) return this.#finish(found);
      if (found.length) {
        this.#deadline.stage(this.#idle);
        return { done: false, value: found };
      }
    }
  }

  #decode(payloads) {
    return payloads.flatMap((data) => (this.#events.ended ? [] : this.#events.read(data)));
  }

  #finish(found) {
    if (!this.#events.complete) throw new UpstreamFailure("truncated");
    this.#done = true;
    this.#deadline.end();
    void this.#reader.cancel().catch(() => {});
    return { done: false, value: [...found, ...this.#events.close()] };
  }

  /** Stops the model. */
  async return() {
    if (!this.#done) {
      this.#done = true;
      this.#deadline.abort();
      await this.#reader.cancel().catch(() => {});
    }
    return { done: true, value: undefined };
  }
}
