import { DONE } from "../streaming/lists.js";
import { UpstreamFailure } from "../upstream/failure.js";
import { Again, Mismatch, Onward } from "./joint.js";

/** More switches than this within one answer are no service any more. */
const MOST_SWITCHES = 3;

/**
 * Goes on with a stream that breaks off, from another target: the caller gets the whole text once, or an explicit
 * error. Not a step of the pipeline: the fallback plan hands it the stream that it opened and a way to open another,
 * `reopen({targets, chatOf, goesOn}) => {outcome, target}`.
 */
export function continuation() {
  return (context, opened, reopen) => new Continued(context, opened, reopen);
}

class Continued {
  #context;
  #reopen;
  #iterator;
  #target;
  #joint = null;
  #said = { text: "", last: "", acted: false };
  #switches = 0;
  /** Whether anything was said since the last switch. */
  #fresh = true;
  #left = false;

  constructor(context, { outcome, target }, reopen) {
    this.#context = context;
    this.#reopen = reopen;
    this.#iterator = outcome.events;
    this.#target = target;
  }

  async next() {
    for (;;) {
      try {
        const { done, value } = await this.#iterator.next();
        if (done || this.#left) return DONE;
        const events = this.#pass(value);
        if (events.length) return { done: false, value: events };
      } catch (thrown) {
        await this.#switch(thrown);
      }
    }
  }

  return() {
    this.#left = true;
    return this.#iterator.return();
  }

  /** The events that may be sent on; remembers what has been said. */
  #pass(events) {
    const passed = [];
    for (const event of events) {
      if (event.type === "delta") this.#text(this.#joint ? this.#joint.take(event.text) : event.text, passed);
      // The thoughts of a second model would follow the answer of the first: they are left out.
      else if (event.type === "reasoning") passed.push(...(this.#switches ? [] : [event]));
      else if (event.type === "finish") this.#finish(event, passed);
      else if (event.type === "usage") passed.push(this.#switches ? { ...event, usage: total(this.#legs()) } : event);
      else this.#act(event, passed);
    }
    return passed;
  }

  #text(text, passed) {
    if (text === "") return;
    this.#fresh ||= text.trim() !== "";
    this.#said.text += text;
    this.#said.last = text;
    passed.push({ type: "delta", text });
  }

  #act(event, passed) {
    this.#text(this.#joint?.end() ?? "", passed);
    this.#said.acted = true;
    this.#fresh = true;
    passed.push(event);
  }

  #finish(event, passed) {
    this.#text(this.#joint?.end() ?? "", passed);
    // A model that has nothing to add may not have understood that it was to go on: a broken text is no whole one.
    if (!this.#fresh) throw new Mismatch();
    passed.push(this.#switches ? { ...event, edge: this.#edge() } : event);
  }

  /** Puts another target in the place of one that failed; throws if that cannot be done. */
  async #switch(thrown) {
    const failure = thrown instanceof Mismatch ? new UpstreamFailure("truncated") : thrown;
    if (thrown instanceof Mismatch) await this.#iterator.return();
    if (!(failure instanceof UpstreamFailure) || this.#left || !this.#continuable(failure)) throw this.#told(failure);
    this.#switches += 1;
    const { targets } = this.#context.chat;
    const place = targets.indexOf(this.#target);
    try {
      await this.#open([...targets.slice(place + 1), ...targets.slice(0, place + 1)]);
    } catch (final) {
      throw this.#told(final instanceof UpstreamFailure && final.kind === "left" ? final : failure);
    }
  }

  /** Tries the others in turn, each with a request of the kind it understands. */
  async #open(targets) {
    const chatOf = (target) => (this.#begins(target) ? this.#context.chat : this.#unfinished());
    // A target that refuses an unfinished turn says so with 400: that is no mistake of the caller's.
    const goesOn = ({ kind }) => kind !== "left";
    const { outcome, target } = await this.#reopen({ targets, chatOf, goesOn });
    if (this.#left) await outcome.events.return();
    const { text, last } = this.#said;
    this.#iterator = outcome.events;
    this.#target = target;
    this.#fresh = false;
    this.#joint = this.#begins(target) ? new Again(text) : new Onward(text, last);
  }

  #begins(target) {
    return target.continuation === "restart" || this.#said.text.trim() === "";
  }

  /** The request with the text so far as an assistant's turn that is not finished. */
  #unfinished() {
    const { chat } = this.#context;
    const text = this.#said.text.trimEnd();
    const last = chat.messages.at(-1);
    const open = last.role === "assistant" && typeof last.content === "string";
    const messages = open
      ? [...chat.messages.slice(0, -1), { ...last, content: last.content + text }]
      : [...chat.messages, { role: "assistant", content: text }];
    return { ...chat, messages, settings: shortened(chat.settings, total(this.#legs()).completion_tokens ?? 0) };
  }

  #continuable(failure) {
    const plain = !this.#said.acted && !this.#context.chat.settings.logprobs;
    return plain && this.#switches < MOST_SWITCHES && failure.kind !== "left";
  }

  /** What a caller is told of a failure once there was more than one leg. */
  #told(failure) {
    if (this.#switches && failure instanceof UpstreamFailure) failure.edge = this.#edge();
    return failure;
  }

  #legs() {
    return this.#context.facts.calls.filter((call) => call.began);
  }

  #edge() {
    const legs = this.#legs().map(({ target, usage, estimated }) => ({ target, usage, estimated }));
    return { switched: legs.length > 1, attempts: this.#context.facts.calls.length, legs };
  }
}

/** Settings whose bounds on the answer's length are less what has been used of them. */
function shortened(settings, used) {
  const left = Object.fromEntries(
    ["max_tokens", "max_completion_tokens"].filter((name) => settings[name]).map((name) => [name, Math.max(1, settings[name] - used)]),
  );
  return { ...settings, ...left };
}

/** The sum of what all legs used. */
function total(legs) {
  const sum = {};
  for (const { usage } of legs) {
    for (const [name, value] of Object.entries(usage ?? {})) if (Number.isFinite(value)) sum[name] = (sum[name] ?? 0) + value;
  }
  return sum;
}
