import assert from "node:assert/strict";
import { test } from "node:test";

import { Memory } from "../../../worker_src/cache/memory.js";

test("entries are bounded, and the least recently used goes first", () => {
  const memory = new Memory(2);
  memory.set("a", 1, 1);
  memory.set("b", 2, 1);
  assert.equal(memory.get("a"), 1);
  memory.set("c", 3, 1);
  assert.deepEqual([memory.get("a"), memory.get("b"), memory.get("c")], [1, null, 3]);
});

test("characters are bounded, those of the request too", () => {
  const memory = new Memory(1_000);
  memory.set("large", 1, 300_000);
  memory.set("k".repeat(300_000), 1, 1);
  assert.deepEqual([memory.get("large"), memory.get("k".repeat(300_000))], [null, null]);
  for (let index = 0; index < 100; index += 1) memory.set(`${index}`, index, 250_000);
  const kept = Array.from({ length: 100 }, (_, index) => memory.get(`${index}`)).filter((held) => held !== null);
  assert.equal(kept.length, 67, "16 Mi characters of 250,000 each");
  assert.equal(kept.at(-1), 99);
});

test("an entry that is put again is counted once", () => {
  const memory = new Memory(10);
  memory.set("held", 1, 100_000);
  for (let round = 0; round < 200; round += 1) memory.set("again", round, 250_000);
  assert.equal(memory.get("held"), 1);
  assert.equal(memory.get("again"), 199);
});

test("with no entries it is off", () => {
  const memory = new Memory(0);
  memory.set("a", 1, 1);
  assert.equal(memory.get("a"), null);
});
