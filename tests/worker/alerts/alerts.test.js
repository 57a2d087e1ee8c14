import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { test } from "node:test";

import { windowOf } from "../../../worker_src/alerts/windows.js";
import { answers, ask, harness, refuses, sse, target } from "../fixture.js";

const SECRETS = ["a", "b"].map((letter) => `whsec_${Buffer.from(letter.repeat(32)).toString("base64")}`);
const PRICE = { input: 1_000_000, output: 10_000_000, cached_input: null, neurons: null };
const COST = 23; // of three prompt tokens and two more, dollars
const START = Date.UTC(2026, 10, 29, 10, 30);
const CONVERSED = { including: ["sessions"] };

const budget = (more = {}) => ({ name: "month", per: "tenant", of: "usd", window: "month", thresholds: [COST * 2], keys: null, models: null, ...more });

/** A receiver that answers with these statuses in turn, the last one for ever. */
async function receiver(context, statuses = [200]) {
  const got = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      got.push({ headers: request.headers, body });
      response.writeHead(statuses[Math.min(got.length, statuses.length) - 1], { location: "/elsewhere" }).end();
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => server.close());
  return { got, url: `http://127.0.0.1:${server.address().port}/hook` };
}

function made(context, { url }, budgets, { including = [], ...more } = {}) {
  context.mock.timers.enable({ apis: ["Date"], now: START });
  const all = harness({
    including: ["alerts", "usage", ...including],
    without: ["cache"],
    env: { ALERT_SECRETS: JSON.stringify(SECRETS) },
    config: { alerts: { url, budgets }, models: { m: { targets: [target("one", { price: PRICE })] }, lone: { targets: [target("one", { price: PRICE })] } } },
    ...more,
  });
  const say = async (times, body = ask("hi"), options = {}) => {
    for (let turn = 0; turn < times; turn += 1) await (await all.chat(body, options)).text();
    await all.settled();
    await all.budgets.ring();
  };
  return { ...all, say };
}

const told = ({ got }) => got.map(({ body }) => JSON.parse(body).data);

test("a threshold is told of once in a window, with what was spent, and nothing is refused", async (context) => {
  const hook = await receiver(context);
  const { say, budgets } = made(context, hook, [budget({ thresholds: [COST * 2, COST * 4] })], { models: { one: answers("fine") } });
  await say(1);
  assert.equal(hook.got.length, 0);
  await say(1);
  await say(1);
  const [{ headers, body }] = hook.got;
  assert.equal(hook.got.length, 1);
  assert.equal(headers["content-type"], "application/json");
  assert.deepEqual(JSON.parse(body), {
    type: "budget.threshold_reached",
    timestamp: "2026-11-29T10:30:00.000Z",
    data: {
      worker: "edge-test", environment: "dev", tenant: "ci", budget: "month", per: "tenant", of: "usd", threshold: 46, used: 46,
      window: { name: "month", start: "2026-11-01T00:00:00.000Z", end: "2026-12-01T00:00:00.000Z" },
    },
  });
  await say(1);
  assert.deepEqual(told(hook).map(({ threshold, used }) => [threshold, used]), [[46, 46], [92, 92]]);
  context.mock.timers.setTime(Date.UTC(2026, 11, 1));
  await budgets.ring();
  await say(2);
  assert.deepEqual(told(hook).map(({ window }) => window.start.slice(0, 7)), ["2026-11", "2026-11", "2026-12"]);
});

test("messages are signed with every secret, as Standard Webhooks says", async (context) => {
  const hook = await receiver(context);
  const { say } = made(context, hook, [budget({ thresholds: [1] })]);
  await say(1);
  const [{ headers, body }] = hook.got;
  assert.match(headers["webhook-id"], /^msg_[0-9a-f]{32}$/);
  assert.equal(headers["webhook-timestamp"], String(START / 1000));
  const signatures = SECRETS.map((secret) =>
    `v1,${createHmac("sha256", Buffer.from(secret.slice(6), "base64")).update(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`).digest("base64")}`);
  assert.deepEqual(headers["webhook-signature"].split(" "), signatures);
});

test("a message that is not taken is sent again with its id, later and later, until it is", async (context) => {
  const hook = await receiver(context, [500, 302, 200]);
  const { say, budgets } = made(context, hook, [budget({ thresholds: [1] })]);
  await say(1);
  await budgets.ring();
  assert.equal(hook.got.length, 1);
  for (const seconds of [5, 300, 1_800]) {
    context.mock.timers.tick(seconds * 1000);
    budgets.crash();
    await budgets.ring();
  }
  assert.equal(hook.got.length, 3);
  assert.equal(new Set(hook.got.map(({ headers }) => headers["webhook-id"])).size, 1);
  assert.equal(new Set(hook.got.map(({ body }) => body)).size, 1);
});

test("a receiver that is gone, or away for a day, is left alone", async (context) => {
  for (const [status, times] of [[410, 1], [500, 7]]) {
    await context.test(`status ${status}`, async (inner) => {
      const hook = await receiver(inner, [status]);
      const { say, budgets } = made(inner, hook, [budget({ thresholds: [1] })]);
      await say(1);
      for (let hour = 0; hour < 30; hour += 1) {
        inner.mock.timers.tick(3_600_000);
        await budgets.ring();
      }
      assert.equal(hook.got.length, times);
    });
  }
});

test("a budget adds up its subject, and what its keys and models used", async (context) => {
  const hook = await receiver(context);
  const { say } = made(context, hook, [
    budget({ name: "keys", per: "key", of: "requests", thresholds: [2] }),
    budget({ name: "users", per: "user", of: "tokens", thresholds: [10] }),
    budget({ name: "narrow", of: "requests", thresholds: [1], keys: ["narrow"] }),
    budget({ name: "others", of: "requests", thresholds: [1], keys: ["other"] }),
    budget({ name: "lone", of: "requests", thresholds: [1], models: ["lone"] }),
  ]);
  await say(1, ask("hi"), { key: "sk-edge-narrow" });
  assert.deepEqual(told(hook).splice(0).map((each) => each.budget), ["narrow"]);
  await say(1, ask("hi", { user: "ada" }));
  await say(1, ask("hi", { user: "bob" }));
  assert.deepEqual(told(hook).slice(1).map(({ budget: name, key, user }) => [name, key, user]), [["keys", "ci", undefined]]);
  await say(1, ask("hi", { user: "bob", model: "lone" }));
  const last = told(hook).slice(2).map(({ budget: name, user, used }) => [name, user, used]);
  assert.deepEqual(last.sort(), [["lone", undefined, 1], ["users", "bob", 10]]);
});

test("many thresholds reached at once are all told", async (context) => {
  const hook = await receiver(context);
  const thresholds = Array.from({ length: 10 }, (_, place) => 1 + place / 10);
  const { say, budgets } = made(context, hook, ["a", "b", "c"].map((name) => budget({ name, thresholds })));
  await say(1);
  await budgets.ring();
  assert.equal(hook.got.length, 30);
});

test("tenants are told apart", async (context) => {
  const hook = await receiver(context);
  const { say } = made(context, hook, [budget({ thresholds: [COST * 2] })]);
  await say(1);
  await say(1, ask("hi"), { key: "sk-edge-other" });
  assert.equal(hook.got.length, 0);
  await say(1);
  assert.deepEqual(told(hook).map(({ tenant }) => tenant), ["ci"]);
});

test("what was refused, and what a turn's repetition tells again, spends nothing", async (context) => {
  const hook = await receiver(context);
  const requests = budget({ of: "requests", thresholds: [2] });
  const { say, chat } = made(context, hook, [requests], CONVERSED);
  await say(3, ask("x", { temperature: 9 }));
  const once = { headers: { "x-conversation-id": "one", "idempotency-key": "k" } };
  await say(3, ask("hi"), once);
  assert.equal((await chat(ask("hi"), once)).status, 200);
  assert.equal(hook.got.length, 0);
  await say(1);
  assert.equal(hook.got.length, 1);
});

test("a failed call counts as a request, and a stream that is left as far as it went", async (context) => {
  const hook = await receiver(context);
  const failing = made(context, hook, [budget({ of: "requests", thresholds: [1] })], { models: { one: refuses(500, 3043) } });
  await failing.say(1);
  assert.equal(hook.got.length, 1);
  context.mock.timers.reset();
  const endless = () => sse(...Array.from({ length: 500 }, () => ({ choices: [{ index: 0, delta: { content: "word " }, finish_reason: null }] })));
  const left = made(context, hook, [budget({ of: "tokens", thresholds: [1] })], { models: { one: endless } });
  const reader = (await left.chat(ask("hi", { stream: true }))).body.getReader();
  await reader.read();
  await reader.cancel();
  await left.settled();
  await left.budgets.ring();
  assert.equal(hook.got.length, 2);
});

test("an object that fails harms no answer, and its reason is in the log without what was asked", async (context) => {
  const hook = await receiver(context);
  const { chat, settled, budgets, points } = made(context, hook, [budget({ thresholds: [1] })]);
  const logged = context.mock.method(console, "error", () => {});
  budgets.broken = true;
  assert.equal((await chat(ask("canary-prompt"))).status, 200);
  await settled();
  assert.equal(points.length, 1);
  assert.equal(logged.mock.callCount(), 1);
  assert.ok(!JSON.stringify(logged.mock.calls[0].arguments).includes("canary"));
});

test("what a window held is forgotten with it", async (context) => {
  const hook = await receiver(context);
  const { say, budgets } = made(context, hook, [budget({ window: "hour", thresholds: [1] })]);
  await say(1);
  context.mock.timers.setTime(Date.UTC(2026, 10, 29, 11));
  await budgets.ring();
  const storage = budgets.storage(budgets.names[0]);
  for (const table of ["spent", "alerts"]) assert.deepEqual(storage.sql.exec(`SELECT * FROM ${table}`).toArray(), []);
  assert.equal(storage.alarm, null);
});

test("windows are whole hours, days and months of UTC", () => {
  const at = Date.UTC(2027, 11, 31, 23, 59, 59, 999);
  const iso = (name, now = at) => Object.values(windowOf(name, now)).map((time) => new Date(time).toISOString().slice(0, 13));
  assert.deepEqual(iso("hour"), ["2027-12-31T23", "2028-01-01T00"]);
  assert.deepEqual(iso("day"), ["2027-12-31T00", "2028-01-01T00"]);
  assert.deepEqual(iso("month"), ["2027-12-01T00", "2028-01-01T00"]);
  assert.deepEqual(iso("month", Date.UTC(2028, 1, 29)), ["2028-02-01T00", "2028-03-01T00"]);
});
