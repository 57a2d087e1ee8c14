import { unitsEach } from "../cost/price.js";
import { shortened, subjectOf } from "../cost/subject.js";

/** How long the object may take, milliseconds; nobody waits for it. */
const PATIENCE_MS = 10_000;

/**
 * Budgets that are told of and refuse nothing: what a request was written down with as its usage is added up by the
 * tenant's object. One that is refused uses nothing.
 * @returns {{spent(context: object, record: {points: object[]}): Promise<void>}} told of a request's points of usage; never fails
 */
export function alerts(config) {
  const { budgets } = config.alerts;
  return {
    async spent({ env, caller }, { points }) {
      const entries = budgets.map((budget) => entryOf(budget, points)).filter((entry) => entry?.amount > 0);
      if (!entries.length) return;
      try {
        const stub = env.BUDGET.get(env.BUDGET.idFromName(JSON.stringify(["budgets", caller.tenant])));
        const body = JSON.stringify({ tenant: caller.tenant, entries });
        const response = await stub.fetch("https://object/add", { method: "POST", body, signal: AbortSignal.timeout(PATIENCE_MS) });
        if (!response.ok) throw new Error(`status ${response.status}`);
      } catch (thrown) {
        console.error("what a request spent was not added to its budgets", thrown?.name);
      }
    },
  };
}

function entryOf(budget, points) {
  const { name, per, of } = budget;
  const [{ key, user }] = points;
  const subject = subjectOf(budget, points[0]);
  if (subject === null) return null;
  const named = per === "tenant" ? {} : { [per]: per === "key" ? key : shortened(user) };
  return { budget: name, subject, named, amount: Math.round(points.reduce((sum, point) => sum + AMOUNTS[of](point), 0) * unitsEach(budget)) };
}

const AMOUNTS = {
  requests: ({ kind, outcome, cache }) => (kind === "request" && outcome !== "refused" && cache !== "REPLAY" ? 1 : 0),
  tokens: ({ tokens_in: input = 0, tokens_out: output = 0 }) => input + output,
  usd: ({ cost = 0 }) => cost,
};
