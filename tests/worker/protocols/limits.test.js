import assert from "node:assert/strict";
import { test } from "node:test";

import { ask, harness } from "../fixture.js";

const LIMITS = { max_body_bytes: 20_000, max_messages: 20, max_input_tokens: 100, max_output_tokens: 50, rules: [], cache_hits: "free" };
const made = () => harness({ config: { limits: LIMITS } });

test("an answer's length is bounded, whether the request bounds it or not", async () => {
  const { chat, calls } = made();
  assert.equal((await chat(ask("a"))).status, 200);
  assert.equal((await chat(ask("b", { max_tokens: 20 }))).status, 200);
  assert.equal((await chat(ask("c", { max_completion_tokens: 50 }))).status, 200);
  assert.deepEqual(calls.map(({ inputs }) => inputs.max_tokens), [50, 20, 50]);
  for (const asked of [{ max_tokens: 51 }, { n: 2 }, { n: 10, max_tokens: 6 }, { max_completion_tokens: 51 }, { max_tokens: 1, max_completion_tokens: 51 }]) {
    assert.equal((await chat(ask("d", asked))).status, 400, JSON.stringify(asked));
  }
});

test("messages that are too long are refused before a model is asked", async () => {
  const { chat, calls } = made();
  const refused = await chat(ask("x".repeat(500)));
  assert.equal(refused.status, 400);
  const { error } = await refused.json();
  assert.deepEqual([error.code, error.param], ["context_length_exceeded", "messages"]);
  assert.match(error.message, /about \d+ tokens; 100 are allowed/);
  assert.equal(calls.length, 0);
});
