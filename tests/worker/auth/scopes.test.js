import assert from "node:assert/strict";
import { test } from "node:test";

import { ask, harness } from "../fixture.js";

const withScopes = (scopes) => harness({ config: { auth: { mode: "keys", keys: { ci: { tenant: "ci", ...scopes } } } } });
const status = async (response) => [response.status, (await response.json()).error?.code];

test("a key may be held to some routes", async () => {
  const { chat, fetch } = withScopes({ routes: ["models"] });
  assert.deepEqual(await status(await chat(ask("x"))), [403, "route_not_allowed"]);
  assert.equal((await fetch("/v1/models")).status, 200);
  assert.equal((await fetch("/v1/models/m")).status, 200);
});

test("who may not use a route is told which scope it takes", async () => {
  const { chat, fetch } = withScopes({ routes: ["usage"] });
  const told = async (response) => (await response.json()).error.message;
  assert.equal(await told(await chat(ask("x"))), "This key may not use this route: its 'routes' lack 'chat'.");
  assert.equal(await told(await fetch("/v1/models")), "This key may not use this route: its 'routes' lack 'models'.");
});

test("a key may be held to some origins, and is of no use without one", async () => {
  const { chat } = withScopes({ origins: ["https://app.example"] });
  assert.equal((await chat(ask("x"), { headers: { origin: "https://app.example" } })).status, 200);
  for (const origin of ["https://app.example.evil", "https://APP.example", "null", "http://app.example"]) {
    assert.deepEqual(await status(await chat(ask("x"), { headers: { origin } })), [403, "origin_not_allowed"]);
  }
  assert.deepEqual(await status(await chat(ask("x"))), [403, "origin_not_allowed"]);
});

test("a key expires, also one that was let in before", async (context) => {
  const end = Date.now() + 10_000;
  const { chat } = withScopes({ expires_ms: end });
  assert.equal((await chat(ask("x"))).status, 200);
  context.mock.timers.enable({ apis: ["Date"], now: end });
  assert.deepEqual(await status(await chat(ask("x"))), [401, "invalid_api_key"]);
});

test("a remembered key is as good as one that is hashed, and no other is let in by it", async () => {
  const { chat } = withScopes({});
  for (let call = 0; call < 3; call += 1) assert.equal((await chat(ask("x"))).status, 200);
  assert.equal((await chat(ask("x"), { key: "sk-edge-c" })).status, 401);
  assert.equal((await chat(ask("x"), { key: "sk-edge-ci2" })).status, 401);
});
