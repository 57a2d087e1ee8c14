import { nameOf } from "../upstream/call.js";
import { deadline } from "../upstream/deadline.js";
import { UpstreamFailure } from "../upstream/failure.js";
import { RetryBudget, waitBefore } from "./policy.js";

/**
 * The last step: tries a model's targets in order until one gives its first byte. With a breaker, targets known to fail
 * are left out as long as there is another; with continuation, a stream that breaks off goes on from another target.
 */
export function fallback(config, upstream, { breaker, continuation } = {}) {
  const plan = new Plan(config.fallback, upstream, breaker?.(config));
  const continued = continuation?.(config);
  return async (context) => {
    const until = deadline(context, config.fallback.deadline_ms);
    const opened = await plan.open(context, { targets: context.chat.targets, until });
    if (!continued || !opened.outcome.events) return opened.outcome;
    const reopen = (wish) => plan.open(context, { ...wish, until: Date.now() + config.fallback.deadline_ms });
    return { events: continued(context, opened, reopen) };
  };
}

class Plan {
  #settings;
  #upstream;
  #breaker;
  #budget;

  constructor(settings, upstream, breaker) {
    this.#settings = settings;
    this.#upstream = upstream;
    this.#breaker = breaker;
    this.#budget = new RetryBudget(settings);
  }

  /**
   * The first outcome that a target gives: `{outcome, target}`. `chatOf(target)` is what it is asked, `goesOn(failure)`
   * whether the next one is tried.
   * @throws {UpstreamFailure} the last target's, if none answered
   */
  async open(context, { targets, until, chatOf = () => context.chat, goesOn = ({ rule }) => rule.next }) {
    let failure = null;
    let left = targets.length;
    for (const { target, admission } of this.#admitted(context, targets)) {
      // Each gets a share of the time, so that one that is silent leaves some to the next.
      const share = Date.now() + (until - Date.now()) / Math.max(1, left);
      left -= 1;
      try {
        return { target, outcome: await this.#attempts({ context, chat: chatOf(target), target, admission, until: share }) };
      } catch (thrown) {
        if (!(thrown instanceof UpstreamFailure)) throw thrown;
        failure = thrown;
      }
      if (!goesOn(failure) || Date.now() >= until) break;
    }
    throw failure;
  }

  /** A drilled failure says nothing of a target, so that the breaker is not asked. */
  #breakerOf(context) {
    return context.drill ? null : this.#breaker;
  }

  /** The targets that may be called; if none may, the one that is open for the shortest time still. */
  *#admitted(context, targets) {
    const breaker = this.#breakerOf(context);
    let called = false;
    for (const target of targets) {
      const admission = breaker?.admit(nameOf(target), Date.now()) ?? "closed";
      if (admission !== "closed") context.facts.breaker.push(`${nameOf(target)} ${admission}`);
      if (admission === "open") continue;
      called = true;
      yield { target, admission };
    }
    if (called) return;
    const soonest = (best, target) => (breaker.reopens(nameOf(target)) < breaker.reopens(nameOf(best)) ? target : best);
    yield { target: targets.reduce(soonest), admission: "last" };
  }

  async #attempts(call) {
    const { context, target, admission, until } = call;
    const name = nameOf(target);
    const most = admission === "closed" ? this.#settings.attempts_per_target : 1;
    this.#budget.save(name);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#attempt(call);
      } catch (thrown) {
        if (!(thrown instanceof UpstreamFailure) || !thrown.rule.retry || attempt >= most) throw thrown;
        const at = { attempt, retryAfter: thrown.retryAfter, left: until - Date.now(), settings: this.#settings, random: Math.random() };
        const wait = waitBefore(at);
        if (wait === null || !this.#budget.take(name)) throw thrown;
        await pause(wait, context.signal);
      }
    }
  }

  async #attempt({ context, chat, target, admission, until }) {
    const breaker = this.#breakerOf(context);
    if (!breaker) return this.#upstream(context, target, { chat, until });
    const name = nameOf(target);
    const began = Date.now();
    const settled = (failure) => {
      // Who was given as long as a probe and was silent is ill, whoever set the limit.
      const silent = failure?.kind === "deadline" && Date.now() - began >= breaker.patience(name);
      breaker.ended(name, admission, silent ? new UpstreamFailure("timeout") : failure, Date.now());
    };
    const called = admission === "probe" ? hurried(target, breaker.patience(name)) : target;
    const outcome = await this.#upstream(context, called, { chat, until, settled });
    breaker.began(name, admission);
    return outcome;
  }
}

/** A target with less time to its first byte. */
function hurried(target, most) {
  const { connect_ms: connect, first_token_ms: first, ...timeouts } = target.timeouts;
  return { ...target, timeouts: { ...timeouts, connect_ms: Math.min(connect, most), first_token_ms: Math.min(first, most) } };
}

/** Waits; a caller who leaves ends it. */
function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const leave = () => {
      clearTimeout(timer);
      reject(new UpstreamFailure("left"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", leave);
      resolve();
    }, milliseconds);
    if (signal?.aborted) leave();
    else signal?.addEventListener("abort", leave, { once: true });
  });
}
