import assert from "node:assert/strict";
import { test } from "node:test";

import { answers, ask, chunks, harness, openaiChunks, refuses, sse, target } from "../fixture.js";

const rule = (more = {}) => ({
  name: "burst", per: "key", of: "requests", at_most: 2, window_seconds: 60, kind: "fixed", keys: null, models: null, fail: "open", ...more,
});

const limited = (rules, { limits = {}, config = {}, ...more } = {}) => harness({
  including: ["limits"],
  without: ["cache"],
  config: { limits: { max_body_bytes: 20_000, max_messages: 20, max_input_tokens: null, max_output_tokens: null, cache_hits: "free", ...limits, rules }, ...config },
  ...more,
});

const statuses = async (chat, count, body = ask("hi"), options = {}) => {
  const list = [];
  for (let turn = 0; turn < count; turn += 1) {
    const response = await chat(body, options);
    await response.text();
    list.push(response.status);
  }
  return list;
};

test("beyond its limit a key is refused, with the rule's name and the time to wait, and no model is asked", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_700_000_060_000 }); // twenty seconds into a minute
  const { chat, calls } = limited([rule()]);
  const first = await chat(ask("hi"));
  assert.equal(first.headers.get("ratelimit"), `"burst";r=1;t=40`);
  assert.equal(first.headers.get("ratelimit-policy"), `"burst";q=2;w=60`);
  assert.equal(first.headers.get("x-ratelimit-limit-requests"), "2");
  assert.equal(first.headers.get("x-ratelimit-remaining-requests"), "1");
  assert.equal(first.headers.get("x-ratelimit-reset-requests"), "40s");
  assert.deepEqual(await statuses(chat, 1), [200]);
  const refused = await chat(ask("hi"));
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get("retry-after"), "40");
  assert.equal(refused.headers.get("ratelimit"), `"burst";r=0;t=40`);
  const { error } = await refused.json();
  assert.equal(error.code, "rate_limit_exceeded");
  assert.match(error.message, /'burst' of 2 requests in 60 seconds for this key/);
  assert.equal(calls.length, 2);
  context.mock.timers.tick(40_000);
  assert.deepEqual(await statuses(chat, 3), [200, 200, 429]);
});

test("a rule whose window is changed counts anew", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
  const limiters = {};
  const statusesWith = async (window) => {
    const { chat, limiters: kept } = limited([rule({ at_most: 1, window_seconds: window })], { env: limiters });
    limiters.LIMITER = kept;
    const response = await chat(ask("hi"));
    return [response.status, response.headers.get("ratelimit")];
  };
  assert.deepEqual((await statusesWith(60))[0], 200);
  assert.deepEqual((await statusesWith(60))[0], 429);
  assert.deepEqual((await statusesWith(3_600))[0], 200);
  assert.deepEqual((await statusesWith(60))[0], 429);
});

test("what a request brings besides its messages is reserved too", async () => {
  const price = { input: 1_000, output: 1_000, cached_input: null };
  const models = { m: { targets: [target("one", { price })] } };
  const limits = { max_output_tokens: 5 };
  const long = { type: "object", description: "d ".repeat(4_000) };
  for (const of of ["usd", "tokens"]) {
    for (const extra of [
      { response_format: { type: "json_schema", json_schema: { name: "x", schema: long } } },
      { functions: [{ name: "f", description: "d ".repeat(4_000) }] },
      { tools: [{ type: "function", function: { name: "f", parameters: long } }] },
    ]) {
      const { chat, calls } = limited([rule({ of, at_most: of === "usd" ? 1 : 1_000, window_seconds: 60 })], { limits, config: { models } });
      assert.equal((await chat(ask("hi", { max_tokens: 3 }))).status, 200);
      assert.equal((await chat(ask("hi", { max_tokens: 3, ...extra }))).status, 429, JSON.stringify(extra).slice(0, 40));
      assert.equal(calls.length, 1);
    }
  }
});

test("a rule counts its subject, and applies to the keys and models it names", async () => {
  const other = { key: "sk-edge-other" };
  const narrow = { key: "sk-edge-narrow" }; // of the tenant ci, as the usual key
  const by = async (changes, options, body) => {
    const { chat } = limited([rule({ at_most: 1, ...changes })]);
    await statuses(chat, 1);
    return (await statuses(chat, 1, body, options))[0];
  };
  assert.equal(await by({ per: "key" }, narrow), 200);
  assert.equal(await by({ per: "tenant" }, narrow), 429);
  assert.equal(await by({ per: "tenant" }, other), 200);
  assert.equal(await by({ keys: ["other"] }, {}), 200);
  assert.equal(await by({ keys: ["ci"] }, {}), 429);
  assert.equal(await by({ models: ["lone"] }, {}), 200);
  assert.equal(await by({ per: "user" }, {}), 200);
});

test("users are told apart, whatever key asks for them", async () => {
  const { chat } = limited([rule({ per: "user", at_most: 1 })]);
  assert.deepEqual(await statuses(chat, 2, ask("hi", { user: "ann" })), [200, 429]);
  assert.deepEqual(await statuses(chat, 2, ask("hi", { safety_identifier: "bob" })), [200, 429]);
  assert.deepEqual(await statuses(chat, 1, ask("hi", { safety_identifier: "", user: "bob" })), [429]);
  assert.deepEqual(await statuses(chat, 1, ask("hi", { user: "ann" }), { key: "sk-edge-narrow" }), [429]);
});

test("where one rule refuses, no other is used up", async () => {
  const { chat } = limited([rule({ name: "wide", at_most: 3 }), rule({ name: "small", at_most: 1, models: ["lone"] })]);
  assert.deepEqual(await statuses(chat, 3, ask("hi", { model: "lone" })), [200, 429, 429]);
  assert.deepEqual(await statuses(chat, 3), [200, 200, 429]);
});

test("tokens are reserved at their most and settled by the model's usage, streamed or not", async () => {
  const tokens = rule({ of: "tokens", at_most: 100 });
  for (const stream of [false, true]) {
    const { chat, settled } = limited([tokens]);
    const first = await chat(ask("hi", { max_tokens: 60, stream }));
    assert.equal(first.headers.get("x-ratelimit-limit-tokens"), "100");
    const reserved = 100 - Number(first.headers.get("x-ratelimit-remaining-tokens"));
    assert.ok(reserved > 60 && reserved < 80, `${reserved} reserved`);
    await first.text();
    await settled();
    const second = await chat(ask("hi", { max_tokens: 60, stream }));
    assert.equal(Number(second.headers.get("x-ratelimit-remaining-tokens")), 100 - 5 - reserved);
    await second.text();
  }
});

test("what was reserved is not there for others while the answer goes on", async () => {
  const { chat } = limited([rule({ of: "tokens", at_most: 100 })]);
  const open = await chat(ask("hi", { max_tokens: 60, stream: true }));
  assert.equal((await chat(ask("hi", { max_tokens: 60 }))).status, 429);
  await open.text();
});

test("a request that may use more than the whole limit is told so, and not to try again", async () => {
  const { chat } = limited([rule({ of: "tokens", at_most: 100 })]);
  const response = await chat(ask("hi", { max_tokens: 600 }));
  assert.equal(response.status, 429);
  assert.equal(response.headers.get("x-should-retry"), "false");
  assert.equal(response.headers.get("retry-after"), null);
  assert.match((await response.json()).error.message, /ask for a shorter answer/);
});

test("a failure before any word gives back what was reserved", async () => {
  const { chat, settled } = limited([rule({ at_most: 1 })], { models: { one: refuses(500, 3043), two: refuses(500, 3043) } });
  assert.deepEqual(await statuses(chat, 1), [503]);
  await settled();
  assert.deepEqual(await statuses(chat, 1), [503]);
});

test("a stream that breaks off is charged for what came", async () => {
  const broken = () => sse(...openaiChunks("one two three").slice(0, 2), new Error("reset"));
  const { chat, settled } = limited([rule({ of: "tokens", at_most: 100 })], { models: { one: broken } });
  await chunks(await chat(ask("hi", { max_tokens: 50, stream: true })));
  await settled();
  const next = await chat(ask("hi", { max_tokens: 1, stream: true }));
  const left = Number(next.headers.get("x-ratelimit-remaining-tokens"));
  await next.text();
  assert.ok(left > 60 && left < 90, `${left} left`);
});

test("a caller who leaves in the middle is charged for what came, once", async () => {
  const { chat, settled } = limited([rule({ of: "tokens", at_most: 1_000 })], { models: { one: answers("one two three four") } });
  const response = await chat(ask("hi", { max_tokens: 900, stream: true }));
  const reader = response.body.getReader();
  await reader.read();
  await reader.cancel();
  await settled();
  const next = await chat(ask("hi", { max_tokens: 1 }));
  const left = Number(next.headers.get("x-ratelimit-remaining-tokens"));
  assert.ok(left > 900 && left < 990, `${left} left`);
});

const PRICED = { m: { targets: [target("one", { price: { input: 100_000, output: 200_000, cached_input: null } })] } };

test("money is counted by the target's price, never over the limit", async () => {
  const usage = 3 * 0.1 + 2 * 0.2; // dollars of the fixture's usage
  const money = rule({ of: "usd", at_most: 40, fail: "closed" });
  const { chat, settled } = limited([money], { config: { models: PRICED } });
  const first = await chat(ask("hi", { max_tokens: 10 }));
  assert.equal(first.status, 200);
  assert.match(first.headers.get("ratelimit-policy"), /q=40000000;w=60;qu="microusd"/);
  await settled();
  const second = await chat(ask("hi", { max_tokens: 10 }));
  const told = Number(/r=(\d+)/.exec(second.headers.get("ratelimit"))[1]);
  const reserved = Number(/r=(\d+)/.exec(first.headers.get("ratelimit"))[1]);
  assert.equal(told, reserved - usage * 1_000_000);
  const refused = await chat(ask("hi", { max_tokens: 250 }));
  assert.equal((await refused.json()).error.code, "insufficient_quota");
});

test("what the cache answers is free, or charged like a model's answer", async () => {
  const twice = async (cacheHits) => {
    const { chat, settled, calls } = limited([rule({ of: "tokens", at_most: 1_000 })], { without: [], limits: { cache_hits: cacheHits } });
    await chat(ask("hi", { max_tokens: 10 }));
    await settled();
    const hit = await chat(ask("hi", { max_tokens: 10 }));
    assert.equal(hit.headers.get("x-edge-cache"), "HIT");
    await settled();
    const next = await chat(ask("other", { max_tokens: 10 }));
    assert.equal(calls.length, 2);
    return Number(next.headers.get("x-ratelimit-remaining-tokens"));
  };
  assert.equal((await twice("free")) - (await twice("charged")), 5);
});

test("what one key is refused is no answer to another that asks for the same", async () => {
  const { chat, limiters } = limited([rule({ at_most: 1, keys: ["narrow"] })], { without: [] });
  const narrow = { key: "sk-edge-narrow" };
  await statuses(chat, 1, ask("first"), narrow);
  const get = limiters.get.bind(limiters);
  limiters.get = (name) => ({
    fetch: async (...asked) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return get(name).fetch(...asked);
    },
  });
  const refused = chat(ask("same"), narrow);
  const other = chat(ask("same"));
  assert.deepEqual([(await refused).status, (await other).status], [429, 200]);
});

test("a limiter that fails lets requests pass or refuses them, as the rule says", async () => {
  const open = limited([rule()]);
  open.limiters.broken = true;
  assert.deepEqual(await statuses(open.chat, 3), [200, 200, 200]);
  const closed = limited([rule(), rule({ name: "money", of: "usd", fail: "closed" })], { config: { models: PRICED } });
  closed.limiters.broken = true;
  const response = await closed.chat(ask("hi"));
  assert.equal(response.status, 503);
  assert.equal((await response.json()).error.code, "limits_unavailable");
  assert.equal(closed.calls.length, 0);
});

test("a limiter that is silent keeps nobody waiting for longer than a second", async () => {
  const LIMITER = { idFromName: (name) => name, get: () => ({ fetch: () => new Promise(() => {}) }) };
  const { chat } = limited([rule()], { env: { LIMITER } });
  assert.deepEqual(await statuses(chat, 1), [200]);
});

test("counters outlive their object and are forgotten in the end", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_700_000_040_000 });
  const { chat, limiters, settled } = limited([rule()]);
  await statuses(chat, 2);
  await settled();
  limiters.crash();
  assert.deepEqual(await statuses(chat, 1), [429]);
  const [name] = limiters.names;
  assert.equal(name, `["limits","ci"]`);
  context.mock.timers.tick(60_000);
  await limiters.ring();
  assert.deepEqual(limiters.storage(name).sql.exec("SELECT * FROM counters").toArray(), []);
  assert.equal(limiters.storage(name).alarm, null);
});

test("a turn of a conversation is limited too, and what is refused is no part of it", async () => {
  const { chat, fetch } = limited([rule({ at_most: 1 })], { including: ["limits", "sessions"] });
  const turn = (text) => chat(ask(text, { conversation: "talk" }));
  const first = await turn("one");
  assert.equal(first.headers.get("x-ratelimit-remaining-requests"), "0");
  const refused = await turn("two");
  assert.equal(refused.status, 429);
  assert.equal((await refused.json()).error.code, "rate_limit_exceeded");
  assert.ok(refused.headers.get("retry-after"));
  const { messages } = await (await fetch("/v1/conversations/talk")).json();
  assert.deepEqual(messages.map(({ content, status }) => [content, status]), [["one", "completed"], ["fine", "completed"]]);
});
