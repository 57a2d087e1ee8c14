import assert from "node:assert/strict";
import { test } from "node:test";

import { costOf } from "../../../worker_src/cost/price.js";

const price = { input: 2, output: 8, cached_input: 0.5 };

test("tokens cost what a million of them costs, cached ones less", () => {
  assert.equal(costOf({ prompt_tokens: 1_000_000, completion_tokens: 500_000 }, price), 6);
  const cached = { prompt_tokens: 1_000_000, completion_tokens: 0, prompt_tokens_details: { cached_tokens: 600_000 } };
  assert.equal(costOf(cached, price), 1.1);
  assert.equal(costOf(cached, { ...price, cached_input: null }), 2);
});

test("what an upstream does not tell, or tells wrongly, costs no negative sum", () => {
  assert.equal(costOf({}, price), 0);
  assert.equal(costOf({ prompt_tokens: 10, prompt_tokens_details: { cached_tokens: 99 } }, price), 0.000005);
});
