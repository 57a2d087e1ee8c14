import assert from "node:assert/strict";
import { test } from "node:test";

import { harness } from "../fixture.js";

test("paths and methods that are not offered are refused plainly", async () => {
  const { fetch } = harness();
  for (const path of ["/", "/v1", "/v1/chat", "/v1/completions", "/admin"]) assert.equal((await fetch(path)).status, 404, path);
  const wrong = await fetch("/v1/chat/completions");
  assert.equal(wrong.status, 405);
  assert.equal(wrong.headers.get("allow"), "POST");
  assert.equal((await fetch("/v1/models", { method: "DELETE" })).headers.get("allow"), "GET, HEAD");
});

test("models are listed and found by a percent-encoded id", async () => {
  const { fetch } = harness();
  const { data } = await (await fetch("/v1/models")).json();
  assert.deepEqual(data.map(({ id }) => id), ["m", "lone", "@cf/a/b"]);
  assert.equal((await (await fetch("/v1/models/@cf%2Fa%2Fb")).json()).id, "@cf/a/b");
  assert.equal((await (await fetch("/v1/models/@cf/a/b")).json()).id, "@cf/a/b");
  for (const id of ["nope", "%ZZ", "__proto__", "constructor"]) {
    const response = await fetch(`/v1/models/${id}`);
    assert.equal(response.status, 404, id);
    assert.equal((await response.json()).error.code, "model_not_found");
  }
});

test("every answer carries a request id and the version", async () => {
  const { fetch } = harness();
  for (const path of ["/health", "/nope", "/v1/models"]) {
    const response = await fetch(path, { headers: { "x-request-id": "my-id.1" } });
    assert.equal(response.headers.get("x-request-id"), "my-id.1");
    assert.equal(response.headers.get("x-edge-version"), "abababababababab");
    assert.equal(response.headers.get("x-edge-version-id"), "11111111-2222-4333-8444-555555555555");
  }
  for (const bad of ["<script>", "a".repeat(200), "ä"]) {
    const headers = bad === "ä" ? {} : { "x-request-id": bad };
    assert.match((await fetch("/health", { headers })).headers.get("x-request-id"), /^req_[0-9a-f]{32}$/);
  }
});

test("HEAD is GET without a body", async () => {
  const { fetch } = harness();
  const response = await fetch("/health", { method: "HEAD" });
  assert.equal(response.status, 200);
  assert.equal(await response.text(), "");
});

test("capabilities tell what there is, and no secret", async () => {
  const { fetch } = harness();
  const body = await (await fetch("/.well-known/edgewright", { key: null })).json();
  assert.equal(body.hash.length, 64);
  assert.deepEqual(body.protocols, ["openai"]);
  assert.equal(body.limits.max_body_bytes, 20_000);
  assert.ok(!JSON.stringify(body).includes("pepper"));
});
