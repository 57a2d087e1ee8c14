import { asEdgeError, errorResponse } from "../errors.js";
import { bucketOf, leavesAt, verdict } from "./windows.js";

const SCHEMA =
  "CREATE TABLE IF NOT EXISTS counters (counter TEXT NOT NULL, subject TEXT NOT NULL, bucket INTEGER NOT NULL, " +
  "used INTEGER NOT NULL, leaves INTEGER NOT NULL, PRIMARY KEY (counter, subject, bucket)) WITHOUT ROWID";

/**
 * The Durable Object class `Limiter`: one object a tenant counts what its keys and users use. What is asked for is
 * checked and written in one go, without anything between: however many ask at once, nobody gets more than there is.
 * Requests come from the Worker only and carry the rules, so that a new version's rules hold at once.
 */
export function limiter() {
  return class Limiter {
    #storage;
    #sql;
    #alarm = 0;

    constructor(state) {
      this.#storage = state.storage;
      this.#sql = state.storage.sql;
      this.#sql.exec(SCHEMA);
    }

    async fetch(request) {
      try {
        const asked = await request.json();
        const settling = new URL(request.url).pathname === "/settle";
        const work = () => (settling ? this.#settle(asked) : this.#reserve(asked));
        return Response.json(this.#storage.transactionSync(work));
      } catch (thrown) {
        return errorResponse(asEdgeError(thrown));
      }
    }

    /**
     * Takes what a request may use at most, by each rule or not at all.
     * @param {{rules: object[]}} asked rules with `counter`, `subject` and `amount`
     * @returns {{allowed: boolean, rules: Array<{remaining: number, reset: number, wait: number|null, bucket: number}>}}
     *   in the order of the rules; `wait` null: never
     */
    #reserve({ rules }) {
      const now = Date.now();
      const told = rules.map((rule) => ({ bucket: bucketOf(rule, now), ...verdict(rule, this.#counted(rule, now), rule.amount, now) }));
      const allowed = told.every(({ wait }) => wait === 0);
      if (allowed) {
        rules.forEach((rule, place) => {
          this.#take(rule, told[place].bucket);
          told[place].remaining -= rule.amount;
        });
        this.#wake(now, rules);
      }
      return { allowed, rules: told.map((each) => ({ ...each, wait: Number.isFinite(each.wait) ? each.wait : null })) };
    }

    /** Puts what was really used in the place of what was reserved: `{taken: [{counter, subject, bucket, change}]}`. */
    #settle({ taken }) {
      const statement = "UPDATE counters SET used = used + ? WHERE counter = ? AND subject = ? AND bucket = ?";
      for (const { counter, subject, bucket, change } of taken) this.#sql.exec(statement, change, counter, subject, bucket);
      return {};
    }

    /** What counts of a rule's subject; the rest of it is forgotten. */
    #counted({ counter, subject }, now) {
      this.#sql.exec("DELETE FROM counters WHERE counter = ? AND subject = ? AND leaves <= ?", counter, subject, now);
      return this.#sql.exec("SELECT bucket, used FROM counters WHERE counter = ? AND subject = ? ORDER BY bucket", counter, subject).toArray();
    }

    #take(rule, bucket) {
      const statement = "INSERT INTO counters VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET used = used + excluded.used";
      this.#sql.exec(statement, rule.counter, rule.subject, bucket, rule.amount, leavesAt(rule, bucket));
    }

    /** Sees to it that what nobody asks for any more is forgotten too. */
    #wake(now, rules) {
      if (this.#alarm > now) return;
      this.#alarm = Math.max(...rules.map((rule) => leavesAt(rule, bucketOf(rule, now))));
      void this.#storage.setAlarm(this.#alarm);
    }

    async alarm() {
      this.#sql.exec("DELETE FROM counters WHERE leaves <= ?", Date.now());
      const [{ last }] = this.#sql.exec("SELECT MAX(leaves) AS last FROM counters").toArray();
      this.#alarm = last ?? 0;
      if (last !== null) await this.#storage.setAlarm(last);
    }
  };
}
