import { costOf } from "../cost/price.js";
import { pricesOf, spent } from "../cost/spent.js";
import { asEdgeError } from "../errors.js";
import { CHARACTERS_A_TOKEN, tokensOf, userOf } from "../protocols/chat.js";
import { nameOf } from "../upstream/call.js";
import { BLOBS, DOUBLES } from "./schema.js";

/** Twenty blobs of so many characters stay below the 16,000 bytes that a point may have. */
const LONGEST_BLOB = 200;

const GIVEN_BY_CACHE = new Set(["HIT", "COALESCED"]);
const bytes = new TextEncoder();

/** What is known of one request, written when it is over and all its calls are. */
export class Point {
  #context;
  #sinks;
  #unknown;
  #write;
  #ended = null;
  #firstByte = null;
  #chunks = 0;
  #bytes = 0;
  /** What an answer told of its usage. */
  #told = null;

  /**
   * @param {object} context
   * @param {Array<(context: object, record: {tenant: string, points: object[], calls: object[]}) => Promise<void>|void>} sinks are told: `points` hold
   *   the values of columns by name, and the `call` that they are of; `calls` are all that were made
   * @param {{unknown?: boolean}} [who] whether nobody knows whose request it is
   */
  constructor(context, sinks, { unknown = false } = {}) {
    this.#context = context;
    this.#sinks = sinks;
    this.#unknown = unknown;
    /** Settles when the point has been written. */
    this.written = new Promise((resolve) => {
      this.#write = resolve;
    });
  }

  /** The first event of the answer is there. */
  begin() {
    this.#firstByte = this.#elapsed;
  }

  takeAll(events) {
    for (const { type, text, usage } of events) {
      if (text) this.#count(text);
      else if (type === "usage") this.#told = usage;
    }
  }

  take({ content, reasoning, usage }) {
    for (const text of [content, reasoning]) if (text) this.#count(text);
    this.#told = usage;
  }

  #count(text) {
    this.#chunks += 1;
    this.#bytes += bytes.encode(text).length;
  }

  get #elapsed() {
    return Date.now() - this.#context.started;
  }

  /** The caller has left, after the end or before it. */
  leave() {
    this.#finish({ outcome: "cancelled", error: "client_closed_request", status: 499 });
  }

  /** @param {unknown} thrown what the request failed with, null if it did not */
  end(thrown) {
    if (thrown === null) return this.#finish({ outcome: "ok", error: "", status: 200 });
    const { code, status } = asEdgeError(thrown);
    const asked = this.#context.facts.calls.length > 0 || status >= 500;
    const outcome = code === "client_closed_request" ? "cancelled" : asked ? "failed" : "refused";
    return this.#finish({ outcome, error: code, status });
  }

  #finish(end) {
    if (this.#ended) return;
    this.#ended = { ...end, total_ms: this.#elapsed };
    // A call that others share may go on, and what it used is known at its end.
    const open = this.#context.facts.calls.filter(({ outcome }) => outcome === null);
    if (open.length) void Promise.all(open.map(({ over }) => over)).then(() => this.#written());
    else this.#written();
  }

  /** Tells everybody; what one of them fails with is not the others' matter. */
  async #written() {
    const { caller, facts } = this.#context;
    try {
      const record = { tenant: this.#unknown ? "" : caller.tenant, points: this.#points(), calls: facts.repeated ? [] : facts.calls };
      const told = await Promise.allSettled(this.#sinks.map(async (tell) => tell(this.#context, record)));
      for (const { reason } of told) if (reason) throw reason;
    } catch (thrown) {
      console.warn("usage was not told", thrown?.name);
    }
    this.#write();
  }

  /** The request's values, after those of legs whose answer others went on with. */
  #points() {
    const { chat, facts } = this.#context;
    const calls = chat && !facts.repeated ? spent(this.#context) : []; // a run that is only told again was paid for
    const last = calls.at(-1);
    const legs = calls.slice(0, -1).map((call) => ({ ...this.#who(), kind: "leg", ...this.#used(call) }));
    const request = {
      ...this.#who(),
      ...this.#ended,
      begun: this.#firstByte !== null,
      ...(last ? this.#used(last) : this.#targeted(facts.target)),
      ...this.#saved(),
      attempts: facts.repeated ? 0 : facts.calls.length,
      first_byte_ms: this.#firstByte ?? this.#ended.total_ms,
      upstream_ms: facts.upstream_ms ?? 0,
      chunks: this.#chunks,
      bytes: this.#bytes,
      fallback: facts.target && chat && facts.target !== nameOf(chat.targets[0]) ? 1 : 0,
    };
    return [...legs, request];
  }

  /** What every point of the request says. */
  #who() {
    const { id, caller, chat, facts, request, env, conversation, kind = "request" } = this.#context;
    return {
      kind,
      request_id: id,
      key: this.#unknown ? "" : caller.name,
      user: chat ? userOf(chat) : "",
      protocol: chat?.protocol,
      model: chat?.model,
      cache: facts.repeated ? "REPLAY" : facts.cache,
      country: request.cf?.country,
      colo: request.cf?.colo,
      version: env.CONTENT_HASH?.slice(0, 16),
      version_id: env.VERSION?.id,
      stream: chat?.stream ? 1 : 0,
      conversation: conversation || facts.conversation ? 1 : 0,
    };
  }

  #targeted(target) {
    return { target, upstream: target?.split("/", 1)[0] };
  }

  /** What one call used; estimated where it did not tell. */
  #used({ call, target, usage, estimated, price }) {
    const known = usage ?? { prompt_tokens: tokensOf(this.#context.chat.messages), completion_tokens: Math.ceil(this.#bytes / CHARACTERS_A_TOKEN) };
    const { prompt_tokens: prompt = 0, completion_tokens: completion = 0, prompt_tokens_details: read, completion_tokens_details: thought } = known;
    return {
      call,
      ...this.#targeted(target),
      tokens_in: prompt,
      tokens_out: completion,
      tokens_cached: read?.cached_tokens ?? 0,
      tokens_reasoning: thought?.reasoning_tokens ?? 0,
      estimated: estimated || !usage ? 1 : 0,
      cost: price ? costOf(known, price) : 0,
      neurons: price?.neurons ? (prompt * price.neurons.input + completion * price.neurons.output) / 1_000_000 : 0,
    };
  }

  /** What an answer without a call of its own would have cost. */
  #saved() {
    const { chat, facts } = this.#context;
    if (!this.#told || !GIVEN_BY_CACHE.has(facts.cache)) return {};
    const price = pricesOf(chat).get(facts.target);
    const { prompt_tokens: prompt = 0, completion_tokens: completion = 0 } = this.#told;
    return { saved: price ? costOf(this.#told, price) : 0, tokens_saved: prompt + completion };
  }
}

/** Writes a record's points. */
export function written({ env }, { tenant, points }) {
  for (const values of points) {
    env.USAGE.writeDataPoint({
      indexes: [tenant],
      blobs: Object.keys(BLOBS).map((name) => String(values[name] ?? "").slice(0, LONGEST_BLOB)),
      doubles: Object.keys(DOUBLES).map((name) => Number(values[name] ?? 0)),
    });
  }
}
