import assert from "node:assert/strict";

import fc from "fast-check";

import { bucketOf, leavesAt, verdict } from "../../../worker_src/limits/windows.js";
import { property } from "../property.js";

const use = fc.record({ after: fc.integer({ min: 0, max: 40_000 }), amount: fc.integer({ min: 1, max: 6 }) });
const rules = fc.record({ kind: fc.constantFrom("fixed", "sliding"), window: fc.integer({ min: 1, max: 90_000 }), at_most: fc.integer({ min: 1, max: 12 }) });

property("no window of any beginning ever holds more than its limit, and who waits as told gets in", [rules, fc.array(use, { maxLength: 60 })], (rule, uses) => {
  let now = 1_700_000_000_123;
  let counted = [];
  const granted = [];
  for (const { after, amount } of uses) {
    now += after;
    counted = counted.filter(({ bucket }) => leavesAt(rule, bucket) > now);
    const { wait } = verdict(rule, counted, amount, now);
    if (wait === 0) {
      const bucket = bucketOf(rule, now);
      const held = counted.find((each) => each.bucket === bucket);
      if (held) held.used += amount;
      else counted.push({ bucket, used: amount });
      granted.push({ at: now, amount });
    } else if (wait < Infinity) {
      const left = counted.filter(({ bucket }) => leavesAt(rule, bucket) > now + wait);
      assert.equal(verdict(rule, left, amount, now + wait).wait, 0);
      const sooner = counted.filter(({ bucket }) => leavesAt(rule, bucket) > now + wait - 1);
      assert.notEqual(verdict(rule, sooner, amount, now + wait - 1).wait, 0);
    }
  }
  for (const { at } of granted) {
    const begin = rule.kind === "fixed" ? bucketOf(rule, at) : at;
    const within = granted.filter((each) => each.at >= begin && each.at < begin + rule.window);
    assert.ok(within.reduce((sum, { amount }) => sum + amount, 0) <= rule.at_most);
  }
});
