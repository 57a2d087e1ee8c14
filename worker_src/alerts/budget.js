import { unitsEach } from "../cost/price.js";
import { send } from "./webhook.js";
import { windowOf } from "./windows.js";

const SCHEMA = [
  "CREATE TABLE IF NOT EXISTS spent (budget TEXT NOT NULL, subject TEXT NOT NULL, start INTEGER NOT NULL, ends INTEGER NOT NULL, " +
    "used INTEGER NOT NULL, PRIMARY KEY (budget, subject, start)) WITHOUT ROWID",
  "CREATE TABLE IF NOT EXISTS alerts (budget TEXT NOT NULL, subject TEXT NOT NULL, start INTEGER NOT NULL, threshold REAL NOT NULL, " +
    "id TEXT NOT NULL, body TEXT, tries INTEGER NOT NULL, due INTEGER, ends INTEGER NOT NULL, " +
    "PRIMARY KEY (budget, subject, start, threshold)) WITHOUT ROWID",
];

/** When to look next: the first message that is due, or the end of the first window, whose rows are then forgotten. */
const NEXT =
  "SELECT MIN(at) AS next FROM (SELECT MIN(due) AS at FROM alerts UNION ALL SELECT MIN(ends) FROM spent " +
  "UNION ALL SELECT MIN(ends) FROM alerts WHERE due IS NULL)";

/** How long after each attempt that failed the next one is made, milliseconds: what Standard Webhooks suggests for a day. */
const PAUSES_MS = [5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000];

/** A receiver that says so wants no more of a message. */
const GONE = 410;

/**
 * The Durable Object class `Budget`: one object a tenant adds up what was spent, and tells a webhook once in a window when a
 * threshold is reached. What is to be told is written down with the sum that reached it, so that it is told whatever
 * happens to the object; a receiver that got it twice knows it by its id.
 */
export function budget(config) {
  const { url, budgets } = config.alerts;
  const known = new Map(budgets.map((each) => [each.name, each]));

  return class Budget {
    #storage;
    #sql;
    #secrets;
    #alarm = null;

    constructor(state, env) {
      this.#storage = state.storage;
      this.#sql = state.storage.sql;
      this.#secrets = JSON.parse(env.ALERT_SECRETS);
      for (const statement of SCHEMA) this.#sql.exec(statement);
    }

    /** Adds `{tenant, entries: [{budget, subject, named, amount}]}`; answers nothing. */
    async fetch(request) {
      const { tenant, entries } = await request.json();
      const now = Date.now();
      this.#storage.transactionSync(() => entries.forEach((entry) => this.#add(tenant, entry, now)));
      await this.#schedule();
      return new Response(null, { status: 204 });
    }

    #add(tenant, { budget: name, subject, named, amount }, now) {
      const rule = known.get(name);
      if (!rule) return; // of another version of the Worker, while two share the callers
      const { start, end } = windowOf(rule.window, now);
      const statement = "INSERT INTO spent VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET used = used + excluded.used RETURNING used";
      const [{ used }] = this.#sql.exec(statement, name, subject, start, end, amount).toArray();
      const each = unitsEach(rule);
      for (const threshold of rule.thresholds.filter((most) => used >= most * each)) {
        const told = { tenant, ...named, budget: name, per: rule.per, of: rule.of, threshold, used: used / each };
        this.#note({ name, subject, start, end, threshold, told: { ...told, window: { name: rule.window, start: iso(start), end: iso(end) } } }, now);
      }
    }

    #note({ name, subject, start, end, threshold, told }, now) {
      const body = JSON.stringify({
        type: "budget.threshold_reached",
        timestamp: iso(now),
        data: { worker: config.worker, environment: config.environment, ...told },
      });
      const id = `msg_${crypto.randomUUID().replaceAll("-", "")}`;
      this.#sql.exec("INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?) ON CONFLICT DO NOTHING", name, subject, start, threshold, id, body, now, end);
    }

    async alarm() {
      this.#alarm = null;
      const due = this.#sql.exec("SELECT id, body, tries FROM alerts WHERE due <= ? ORDER BY due LIMIT 20", Date.now()).toArray();
      await Promise.all(due.map((message) => this.#deliver(message)));
      const now = Date.now();
      this.#sql.exec("DELETE FROM spent WHERE ends <= ?", now);
      this.#sql.exec("DELETE FROM alerts WHERE ends <= ? AND due IS NULL", now);
      await this.#schedule();
    }

    async #deliver({ id, body, tries }) {
      let status = 0;
      try {
        status = await send(url, { id, body }, this.#secrets);
      } catch (thrown) {
        console.warn("the alerts' webhook did not answer", thrown?.name);
      }
      const over = (status >= 200 && status < 300) || status === GONE || tries >= PAUSES_MS.length;
      if (over && (status < 200 || status >= 300)) console.error("an alert is given up", id, status);
      const due = over ? null : Date.now() + PAUSES_MS[tries];
      this.#sql.exec("UPDATE alerts SET due = ?, tries = tries + 1, body = iif(? IS NULL, NULL, body) WHERE id = ?", due, due, id);
    }

    async #schedule() {
      const [{ next }] = this.#sql.exec(NEXT).toArray();
      if (next === null || next === this.#alarm) return;
      this.#alarm = next;
      await this.#storage.setAlarm(next);
    }
  };
}

const iso = (at) => new Date(at).toISOString();
