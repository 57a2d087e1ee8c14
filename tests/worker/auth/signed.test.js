import assert from "node:assert/strict";
import { createHash, createHmac, randomUUID } from "node:crypto";
import { test } from "node:test";

import { ask, harness } from "../fixture.js";

const KEYS = { ci: ["old-signing-key", "new-signing-key"] };
const made = (more = {}) => harness({ including: ["signatures"], env: { SIGNING_KEYS: JSON.stringify(KEYS) }, ...more });
const now = () => Math.floor(Date.now() / 1000);

function signed(body, { key = "ci", secret = "new-signing-key", t = now(), n = randomUUID(), method = "POST", path = "/v1/chat/completions" } = {}) {
  const hash = createHash("sha256").update(body).digest("hex");
  const v1 = createHmac("sha256", secret).update(`${key}.${t}.${n}.${method}.${path}.${hash}`).digest("hex");
  return { "x-edge-signature": `key=${key},t=${t},n=${n},v1=${v1}` };
}

const BODY = JSON.stringify(ask("hello"));
const send = ({ chat }, headers, body = BODY) => chat(body, { key: null, headers });

test("a signed request is let in without a key, with either of two keys", async () => {
  const proxy = made();
  assert.equal((await send(proxy, signed(BODY))).status, 200);
  assert.equal((await send(proxy, signed(BODY, { secret: "old-signing-key" }))).status, 200);
  const listed = await proxy.fetch("/v1/models", { key: null, headers: signed("", { method: "GET", path: "/v1/models" }) });
  assert.equal(listed.status, 200);
});

test("a signature is of one name, although two had the same key", async () => {
  const proxy = made({ env: { SIGNING_KEYS: JSON.stringify({ ...KEYS, other: KEYS.ci }) } });
  const taken = signed(BODY)["x-edge-signature"].replace("key=ci", "key=other");
  assert.equal((await send(proxy, { "x-edge-signature": taken })).status, 401);
  assert.equal((await send(proxy, signed(BODY, { key: "other" }))).status, 200);
});

test("what was signed once is accepted once", async () => {
  const proxy = made();
  const headers = signed(BODY);
  assert.equal((await send(proxy, headers)).status, 200);
  const again = await send(proxy, headers);
  assert.equal(again.status, 401);
  assert.match((await again.json()).error.message, /used before/);
});

const FORGED = {
  "another body": [signed(BODY), JSON.stringify(ask("other"))],
  "another path": [signed(BODY, { path: "/v1/chat/completions?x=1" })],
  "another method": [signed(BODY, { method: "GET" })],
  "another secret": [signed(BODY, { secret: "guess" })],
  "another name": [signed(BODY, { key: "other" })],
  "a name of every object": [signed(BODY, { key: "constructor" })],
  "more than five minutes old": [signed(BODY, { t: now() - 310 })],
  "more than five minutes early": [signed(BODY, { t: now() + 310 })],
  "no form": [{ "x-edge-signature": "hello" }],
  "a part too many": [{ "x-edge-signature": `${signed(BODY)["x-edge-signature"]},v2=1` }],
  "a short nonce": [signed(BODY, { n: "x" })],
};

for (const [name, [headers, body]] of Object.entries(FORGED)) {
  test(`refused: ${name}`, async () => {
    const proxy = made();
    const response = await send(proxy, headers, body);
    assert.equal(response.status, 401);
    assert.equal((await response.json()).error.code, "invalid_api_key");
    assert.equal(proxy.calls.length, 0);
  });
}

test("a bearer key beside a bad signature does not help", async () => {
  assert.equal((await made().chat(BODY, { headers: signed(BODY, { secret: "guess" }) })).status, 401);
});

test("without readable signing keys no signature is accepted; bearer keys still are", async () => {
  for (const SIGNING_KEYS of [undefined, "", "{}", "[1]"]) {
    const proxy = made({ env: { SIGNING_KEYS } });
    assert.ok([401, 500].includes((await send(proxy, signed(BODY))).status));
    assert.equal((await proxy.chat(BODY)).status, 200);
  }
});

test("where signed requests are off the header means nothing", async () => {
  assert.equal((await harness().chat(BODY, { key: null, headers: signed(BODY) })).status, 401);
});

test("a key's scopes hold for signed requests too", async () => {
  const auth = { mode: "keys", keys: { ci: { tenant: "ci", models: ["lone"], routes: ["chat"] } } };
  const proxy = made({ config: { auth } });
  assert.equal((await send(proxy, signed(BODY))).status, 403);
  const listed = await proxy.fetch("/v1/models", { key: null, headers: signed("", { method: "GET", path: "/v1/models" }) });
  assert.equal(listed.status, 403);
});

test("a body over the limit is refused before its signature is looked at", async () => {
  const body = "x".repeat(30_000);
  assert.equal((await send(made(), signed(body), body)).status, 413);
});
