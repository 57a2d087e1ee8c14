import { subjectOf } from "../cost/subject.js";
import { EdgeError } from "../errors.js";
import { userOf } from "../protocols/chat.js";
import { reserved, unitsOf, used } from "./amounts.js";
import { limitHeaders } from "./headers.js";

/** How long the limiter may keep a request waiting, milliseconds. */
const PATIENCE_MS = 1_000;

/**
 * Limits of requests, tokens and money: what a request may use at most is reserved before a model is asked, and what it
 * did use is put in its place afterwards. Nobody reserves more than there is, so nobody uses more.
 */
export function limits(config) {
  const rules = config.limits.rules.map((rule) => ({ ...rule, most: unitsOf(rule), window: rule.window_seconds * 1000 }));
  return async (context, next) => {
    const who = { key: context.caller.name, user: userOf(context.chat), model: context.chat.model };
    const applying = rules.map((rule) => ({ rule, subject: subjectOf(rule, who) })).filter(({ subject }) => subject !== null);
    if (!applying.length) return next();
    const reservation = new Reservation(context, applying);
    if (!(await reservation.made())) return next();
    let outcome;
    try {
      outcome = await next();
    } catch (thrown) {
      reservation.settle(null);
      throw thrown;
    }
    if (outcome.events) return { events: metered(outcome.events, reservation) };
    reservation.settle(outcome.answer.usage);
    return outcome;
  };
}

/** What one request has taken of its limits. */
class Reservation {
  #context;
  #applying;
  #most;
  #taken = [];
  #over;

  constructor(context, applying) {
    this.#context = context;
    this.#applying = applying;
    this.#most = reserved(context.chat);
  }

  /**
   * Reserves; false if the limiter cannot be asked and the rules let the request pass without it.
   * @throws {EdgeError} rate_limit_exceeded, insufficient_quota, limits_unavailable
   */
  async made() {
    const rules = this.#applying.map(({ rule: { name, of, kind, most, window }, subject }) => (
      { counter: `${of} ${name} ${kind} ${window}`, subject, kind, window, at_most: most, amount: this.#most[of] }
    ));
    const told = await ask(this.#context, "reserve", { rules });
    if (!told) {
      if (this.#applying.some(({ rule }) => rule.fail === "closed")) throw unavailable();
      return false;
    }
    const found = told.rules.map((each, place) => ({ ...this.#applying[place].rule, ...each }));
    this.#context.facts.headers = limitHeaders(found);
    if (!told.allowed) throw refusal(found.filter(({ wait }) => wait !== 0));
    this.#taken = rules.map((rule, place) => ({ ...rule, of: found[place].of, bucket: found[place].bucket }));
    // The object is told after the answer: the request must live so long.
    this.#context.waitUntil(new Promise((resolve) => {
      this.#over = resolve;
    }));
    return true;
  }

  /** The request is over; `usage` is its answer's. Only the first call counts. */
  settle(usage) {
    const amounts = used(this.#context, usage, this.#most);
    const taken = this.#taken
      .map(({ counter, subject, bucket, of, amount }) => ({ counter, subject, bucket, change: amounts[of] - amount }))
      .filter(({ change }) => change !== 0);
    this.#taken = [];
    this.#over(taken.length ? ask(this.#context, "settle", { taken }) : null);
  }
}

/** Asks the tenant's object; null if it does not answer in time. */
async function ask({ env, caller }, verb, body) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("late")), PATIENCE_MS);
  });
  try {
    const stub = env.LIMITER.get(env.LIMITER.idFromName(JSON.stringify(["limits", caller.tenant])));
    const response = await Promise.race([stub.fetch(`https://object/${verb}`, { method: "POST", body: JSON.stringify(body) }), late]);
    return response.ok ? await response.json() : null;
  } catch (thrown) {
    console.warn("the limiter did not answer", thrown?.name);
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/** A stream whose end, failure or loss settles. */
function metered(events, reservation) {
  let usage = null;
  return {
    async next() {
      try {
        const part = await events.next();
        if (part.done) reservation.settle(usage);
        else usage = part.value.findLast(({ type }) => type === "usage")?.usage ?? usage;
        return part;
      } catch (thrown) {
        reservation.settle(usage);
        throw thrown;
      }
    },
    async return() {
      const done = await events.return();
      reservation.settle(usage);
      return done;
    },
  };
}

const WORDS = { requests: (most) => `${most} requests`, tokens: (most) => `${most} tokens`, usd: (_, dollars) => `${dollars} US dollars` };

function refusal(broken) {
  const worst = broken.reduce((one, other) => ((other.wait ?? Infinity) > (one.wait ?? Infinity) ? other : one));
  const { name, of, per, most, at_most: dollars, window_seconds: seconds, wait } = worst;
  const bound = `the limit '${name}' of ${WORDS[of](most, dollars)} in ${seconds} seconds for this ${per}`;
  const code = of === "usd" ? "insufficient_quota" : "rate_limit_exceeded";
  if (wait === null) {
    const message = `This request may use more than ${bound}; ask for a shorter answer or send less.`;
    return new EdgeError(code, message, { headers: { "x-should-retry": "false" } });
  }
  return new EdgeError(code, `This request would exceed ${bound}.`, { headers: { "retry-after": String(Math.max(1, Math.ceil(wait / 1000))) } });
}

const unavailable = () => new EdgeError("limits_unavailable", "Limits cannot be checked just now; try again.", { headers: { "retry-after": "1" } });
