import assert from "node:assert/strict";
import { test } from "node:test";

import { bucketOf, leavesAt, verdict } from "../../../worker_src/limits/windows.js";

const fixed = { kind: "fixed", window: 60_000, at_most: 10 };
const sliding = { ...fixed, kind: "sliding" };

test("a fixed window begins with the epoch's and leaves as one", () => {
  assert.equal(bucketOf(fixed, 125_000), 120_000);
  assert.equal(leavesAt(fixed, 120_000), 180_000);
  const counted = [{ bucket: 120_000, used: 9 }];
  assert.deepEqual(verdict(fixed, counted, 1, 125_000), { remaining: 1, reset: 55_000, wait: 0 });
  assert.deepEqual(verdict(fixed, counted, 2, 125_000), { remaining: 1, reset: 55_000, wait: 55_000 });
});

test("a sliding window tells when enough of it has left", () => {
  const counted = [{ bucket: 60_000, used: 4 }, { bucket: 70_000, used: 6 }];
  assert.equal(verdict(sliding, counted, 1, 80_000).wait, 60_000 + 1_000 + 60_000 - 80_000);
  assert.equal(verdict(sliding, counted, 5, 80_000).wait, 70_000 + 1_000 + 60_000 - 80_000);
});

test("what is more than the whole limit never fits", () => {
  assert.equal(verdict(fixed, [], 11, 0).wait, Infinity);
});
