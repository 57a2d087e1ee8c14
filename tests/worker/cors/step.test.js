import assert from "node:assert/strict";
import { test } from "node:test";

import { ask, harness } from "../fixture.js";

const origin = "https://app.example";

test("a preflight is answered without a key, with the headers it asked for", async () => {
  const { fetch } = harness();
  const headers = { origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization,x-stainless-lang" };
  const response = await fetch("/v1/chat/completions", { method: "OPTIONS", key: null, headers });
  assert.equal(response.status, 204);
  assert.equal(response.headers.get("access-control-allow-origin"), origin);
  assert.equal(response.headers.get("access-control-allow-headers"), "authorization,x-stainless-lang");
  assert.equal(response.headers.get("access-control-allow-methods"), "GET, POST, PATCH, DELETE, OPTIONS");
  assert.equal(response.headers.get("access-control-max-age"), "60");
});

test("a page may send credentials where its origin is listed as it is, and not by the star", async () => {
  for (const [origins, allowed, credentials] of [[[origin], origin, "true"], [["*", origin], origin, "true"], [["*"], "*", null]]) {
    const { chat } = harness({ config: { cors: { origins, max_age_seconds: 60 } } });
    const { headers } = await chat(ask("x"), { headers: { origin } });
    assert.deepEqual([headers.get("access-control-allow-origin"), headers.get("access-control-allow-credentials")], [allowed, credentials]);
  }
});

test("every answer to a listed origin may be read: whole, streamed and refused", async () => {
  const { chat, fetch } = harness();
  for (const response of [await chat(ask("x"), { headers: { origin } }), await chat(ask("x", { stream: true }), { headers: { origin } }), await fetch("/nope", { headers: { origin } }), await fetch("/v1/models", { key: null, headers: { origin } })]) {
    assert.equal(response.headers.get("access-control-allow-origin"), origin);
    assert.match(response.headers.get("access-control-expose-headers"), /x-request-id/);
    assert.equal(response.headers.get("vary"), "Origin");
  }
});

test("no other origin is reflected", async () => {
  const { chat } = harness();
  for (const other of ["https://evil.example", "https://app.example.evil", "null", "http://app.example"]) {
    const response = await chat(ask("x"), { headers: { origin: other } });
    assert.equal(response.headers.get("access-control-allow-origin"), null);
  }
});
