import assert from "node:assert/strict";
import { test } from "node:test";

import { bearer, constantTimeEqual, holder } from "../../../worker_src/auth/policy.js";
import { KEYS, ask, harness } from "../fixture.js";

test("a known key is let in, everything else is refused alike", async () => {
  const { fetch } = harness();
  assert.equal((await fetch("/v1/models")).status, 200);
  for (const authorization of ["", "Bearer", "Bearer ", "Basic x", KEYS.ci, `Bearer ${KEYS.ci} x`, `Bearer ${KEYS.ci}x`, "Bearer " + "a".repeat(4000)]) {
    const response = await fetch("/v1/models", { key: null, headers: authorization ? { authorization } : {} });
    const text = await response.text();
    assert.equal(response.status, 401, authorization);
    assert.equal(JSON.parse(text).error.code, "invalid_api_key");
    assert.ok(!text.includes(KEYS.ci));
  }
});

test("without a readable secret nobody is let in", async () => {
  for (const KEY_HASHES of [undefined, "", "{", "{}", '{"pepper":"zz","keys":null}']) {
    const { chat } = harness({ env: { KEY_HASHES } });
    const response = await chat(ask("x"));
    assert.ok([401, 500].includes(response.status), `${KEY_HASHES}: ${response.status}`);
    assert.notEqual((await response.json()).error.code, undefined);
  }
});

test("a key that the configuration no longer lists is refused", async () => {
  const { chat } = harness({ config: { auth: { mode: "keys", keys: { other: { tenant: "other" } } } } });
  assert.equal((await chat(ask("x"))).status, 401);
  assert.equal((await chat(ask("x"), { key: KEYS.other })).status, 200);
});

test("a key may be held to some models", async () => {
  const { chat, fetch } = harness();
  const refused = await chat({ ...ask("x"), model: "lone" }, { key: KEYS.narrow });
  assert.equal(refused.status, 403);
  assert.equal((await refused.json()).error.code, "model_not_allowed");
  assert.equal((await chat({ ...ask("x"), model: "@cf/a/b" }, { key: KEYS.narrow })).status, 200);
  const listed = await (await fetch("/v1/models", { key: KEYS.narrow })).json();
  assert.deepEqual(listed.data.map(({ id }) => id), ["m", "@cf/a/b"]);
});

test("health and capabilities are public", async () => {
  const { fetch } = harness();
  for (const path of ["/health", "/.well-known/edgewright"]) assert.equal((await fetch(path, { key: null })).status, 200);
});

test("auth mode none lets everybody in, as one tenant", async () => {
  const { chat } = harness({ without: ["auth"], config: { auth: { mode: "none", keys: {} } } });
  assert.equal((await chat(ask("x"), { key: null })).status, 200);
});

test("comparison looks at every character", () => {
  assert.ok(constantTimeEqual("abc", "abc"));
  for (const other of ["abd", "xbc", "ab", "abcd", ""]) assert.ok(!constantTimeEqual("abc", other), other);
  assert.equal(holder("b", { a: "one", b: "two" }), "two");
  assert.equal(bearer("bearer x"), "x");
});
