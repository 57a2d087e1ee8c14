import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { answers, ask, harness, KEYS } from "../fixture.js";

/** Stands for Analytics Engine's SQL API: keeps what it is asked, and answers what a test says. */
let server;
let url;
let asked = [];
let reply = () => ({ data: [] });

before(async () => {
  server = createServer(async (request, response) => {
    const body = (await request.toArray()).join("");
    asked.push({ path: request.url, authorization: request.headers.authorization, sql: body });
    const { status = 200, text, ...value } = reply(body);
    response.writeHead(status, { "content-type": text ? "text/plain" : "application/json" });
    response.end(text ?? JSON.stringify(value));
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  url = `http://127.0.0.1:${server.address().port}`;
});
after(() => server.close());

const made = (env = {}) => {
  asked = [];
  return harness({ including: ["usage", "reports"], config: { usage: { dataset: "edge_test" } }, env: { API_URL: url, ACCOUNT_ID: "acc", USAGE_TOKEN: "canary-token", ...env } });
};
const rows = (amounts, latencies = []) => (sql) => ({ data: sql.includes("quantile") ? latencies : amounts });

test("a report asks for its own tenant's points only, with the stack's token", async () => {
  reply = () => ({ data: [] });
  for (const [key, tenant] of [[KEYS.ci, "ci"], [KEYS.other, "other"]]) {
    const all = made();
    const response = await all.fetch("/v1/usage?from=1000&to=5000&group_by=model,key&interval=5m", { key });
    assert.equal(response.status, 200);
    assert.equal(asked.length, 4);
    for (const { path, authorization, sql } of asked) {
      assert.equal(path, "/accounts/acc/analytics_engine/sql");
      assert.equal(authorization, "Bearer canary-token");
      assert.ok(sql.includes(`FROM edge_test WHERE index1 = '${tenant}' AND timestamp >= toDateTime(1000) AND timestamp < toDateTime(5000)`));
    }
    assert.ok(asked.some(({ sql }) => sql.includes("GROUP BY start, model, key")));
  }
});

test("figures are numbers, whether they come as such or as text; rates and latencies go with them", async () => {
  const amounts = [{ model: "m", requests: "4", ok: "3", failed: 1, hits: "2", fallbacks: 1, cost: 0.5, sample_interval: "7" }];
  reply = rows(amounts, [{ model: "m", first_byte_p50_ms: "12", total_p99_ms: 40 }]);
  const { data, total, sample_interval: interval } = await (await made().fetch("/v1/usage?group_by=model")).json();
  assert.equal(interval, 7);
  for (const each of [data[0], total]) {
    const { requests, hit_rate: hits, fallback_rate: fallbacks, error_rate: errors, cost, first_byte_p50_ms: first, tokens_in: tokens } = each;
    assert.deepEqual({ requests, hits, fallbacks, errors, cost, first, tokens }, { requests: 4, hits: 0.5, fallbacks: 0.25, errors: 0.25, cost: 0.5, first: 12, tokens: 0 });
  }
  assert.equal(data[0].model, "m");
});

test("a table for spreadsheets holds no formula", async () => {
  reply = rows([{ user: "=cmd()", requests: 1 }, { user: 'a"b,c', requests: 2 }]);
  const response = await made().fetch("/v1/usage?group_by=user&format=csv");
  const [head, first, second] = (await response.text()).split("\r\n");
  assert.match(response.headers.get("content-type"), /^text\/csv/);
  assert.match(head, /^user,requests,ok,/);
  assert.match(first, /^'=cmd\(\),1,/);
  assert.match(second, /^"a""b,c",2,/);
});

test("what is wrong with a question is named, and nothing is asked", async () => {
  const wrong = {
    "from=x": "from", "to=-1": "to", "from=10&to=5": "from", "from=0&to=9999999": "from", "interval=2m": "interval",
    "from=0&to=900000&interval=1m": "interval", "group_by=blob1": "group_by", "group_by=model,model": "group_by", "group_by=model,key,user,cache": "group_by",
    "group_by=model;drop": "group_by", "format=xml": "format", "tenant=other": "tenant",
  };
  for (const [query, param] of Object.entries(wrong)) {
    const response = await made().fetch(`/v1/usage?${query}`);
    assert.equal(response.status, 400, query);
    assert.equal((await response.json()).error.param, param);
    assert.deepEqual(asked, []);
  }
});

test("an SQL API that fails is told as such, and none of its words", async () => {
  const cases = [[{ status: 403, text: "canary" }, /refuses the token/], [{ status: 422, text: "canary" }, /refused the query/], [{ status: 429, text: "canary" }, /too much/], [{ status: 500, text: "canary" }, /refused/]];
  for (const [said, expected] of cases) {
    reply = () => said;
    const response = await made().fetch("/v1/usage");
    const body = await response.text();
    assert.equal(response.status, 502);
    assert.match(body, expected);
    assert.ok(!body.includes("canary"));
  }
  const nobody = await made({ API_URL: "http://127.0.0.1:1" }).fetch("/v1/usage");
  assert.deepEqual([nobody.status, (await nobody.json()).error.code], [502, "usage_unavailable"]);
});

test("a dataset that no point has made yet is an empty report", async () => {
  reply = () => ({ status: 422, text: "Input was invalid: unable to find table: edge_test" });
  const response = await made().fetch("/v1/usage");
  const { data, total } = await response.json();
  assert.deepEqual([response.status, data, total.requests, total.first_byte_p50_ms], [200, [], 0, null]);
});

test("days that no month has are refused", async () => {
  const response = await made().fetch("/v1/usage?from=2026-02-30&to=2026-03-05");
  assert.deepEqual([response.status, (await response.json()).error.param], [400, "from"]);
});

test("an SQL API that is silent is told in time", async (t) => {
  t.mock.method(AbortSignal, "timeout", () => AbortSignal.abort(new DOMException("late", "TimeoutError")));
  const response = await made().fetch("/v1/usage");
  assert.deepEqual([response.status, (await response.json()).error.code], [504, "usage_timeout"]);
});

test("a key without the scope reads no usage", async () => {
  const config = { usage: { dataset: "d" }, auth: { mode: "keys", keys: { ci: { tenant: "ci", routes: ["chat"] } } } };
  const all = harness({ including: ["usage", "reports"], config, env: { API_URL: url } });
  for (const path of ["/v1/usage", "/metrics"]) assert.equal((await all.fetch(path)).status, 403);
});

test("metrics tell what the isolate has counted, each tenant its own", async () => {
  const all = harness({ including: ["usage"], models: { one: answers("fine") } });
  for (let time = 0; time < 3; time += 1) await (await all.chat(ask("hi"))).text();
  await (await all.chat(ask("x"), { key: KEYS.other })).text();
  const lines = (await (await all.fetch("/metrics")).text()).split("\n");
  assert.ok(lines.includes("# TYPE edgewright_requests_total counter"));
  assert.ok(lines.includes('edgewright_requests_total{model="m",target="ai/one",cache="MISS",outcome="ok"} 1'));
  assert.ok(lines.includes('edgewright_requests_total{model="m",target="ai/one",cache="HIT",outcome="ok"} 2'));
  assert.ok(lines.includes('edgewright_tokens_output_total{model="m",target="ai/one",cache="MISS",outcome="ok"} 2'));
  const other = (await (await all.fetch("/metrics", { key: KEYS.other })).text()).split("\n").filter((line) => line.startsWith("edgewright_requests_total"));
  assert.equal(other.length, 1);
});
