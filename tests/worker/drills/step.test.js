import assert from "node:assert/strict";
import { test } from "node:test";

import { Nonces } from "../../../worker_src/crypto/nonces.js";
import { ask, chunks, drill, harness } from "../fixture.js";

for (const fault of ["error_500", "rate_limited", "unavailable", "timeout", "reset"]) {
  for (const stream of [false, true]) {
    test(`${fault} is served by the next target${stream ? ", streamed" : ""}`, async () => {
      const { chat } = harness();
      const response = await chat(ask("x", { stream }), { headers: drill(fault) });
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("x-edge-target"), "ai/two");
      assert.equal(response.headers.get("x-edge-drill"), fault);
      assert.equal(response.headers.get("x-edge-cache"), "BYPASS");
      assert.ok((await response.text()).includes("fine"));
    });
  }
}

test("a cut stream ends with an error in its band", async () => {
  const { chat } = harness();
  const list = await chunks(await chat(ask("x", { stream: true }), { headers: drill("cut") }));
  assert.equal(list.at(-2).error.code, "stream_truncated");
  assert.equal(list.at(-1), "[DONE]");
});

test("a drill has to be whole, signed, fresh and new", async () => {
  const { chat } = harness();
  const used = drill("reset");
  assert.equal((await chat(ask("x"), { headers: used })).status, 200);
  const now = Math.floor(Date.now() / 1000);
  const good = drill("reset")["x-edge-drill"];
  for (const header of [used["x-edge-drill"], drill("reset", { secret: "z".repeat(64) })["x-edge-drill"], drill("reset", { t: now - 120 })["x-edge-drill"], drill("reset", { t: now + 120 })["x-edge-drill"], drill("nonsense")["x-edge-drill"], good.replace("fault=reset", "fault=cut"), "t=1", ""]) {
    const response = await chat(ask("x"), { headers: { "x-edge-drill": header } });
    assert.equal(response.status, 403, header);
    assert.equal((await response.json()).error.code, "invalid_drill");
  }
});

test("a stack without a secret refuses drills, one without drills ignores them", async () => {
  const none = harness({ env: { DRILL_SECRET: undefined } });
  assert.equal((await none.chat(ask("x"), { headers: drill("reset") })).status, 403);
  const off = harness({ without: ["drills"] });
  const response = await off.chat(ask("x"), { headers: drill("reset") });
  assert.equal(response.headers.get("x-edge-target"), "ai/one");
});

test("a nonce is taken once while it is fresh, and never forgotten to make room", () => {
  const nonces = new Nonces(2);
  assert.ok(nonces.take("a", 0, 60));
  assert.ok(!nonces.take("a", 60, 60));
  assert.ok(nonces.take("a", 61, 120));
  for (let index = 0; index < 3; index += 1) nonces.take(`n${index}`, 61, 120);
  assert.ok(!nonces.take("one too many", 61, 120));
  assert.ok(!nonces.take("a", 61, 120));
  assert.ok(nonces.take("one too many", 121, 180));
});
