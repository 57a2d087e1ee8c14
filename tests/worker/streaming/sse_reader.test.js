import assert from "node:assert/strict";
import { test } from "node:test";

import { SseReader } from "../../../worker_src/streaming/sse_reader.js";
import { random } from "../fixture.js";

const bytes = new TextEncoder();

function read(...parts) {
  const reader = new SseReader();
  const found = parts.flatMap((part) => reader.push(typeof part === "string" ? bytes.encode(part) : part));
  return [...found, ...reader.end()];
}

for (const [name, parts, events] of [
  ["a plain event", ["data: a\n\n"], ["a"]],
  ["no space after the colon", ["data:a\n\n"], ["a"]],
  ["only one space is taken", ["data:  a\n\n"], [" a"]],
  ["CRLF", ["data: a\r\n\r\ndata: b\r\n\r\n"], ["a", "b"]],
  ["CR alone", ["data: a\r\rdata: b\r\r"], ["a", "b"]],
  ["a CRLF that is split", ["data: a\r", "\n\r", "\ndata: b\n\n"], ["a", "b"]],
  ["a BOM", ["\uFEFFdata: a\n\n"], ["a"]],
  ["several data lines", ["data: a\ndata: b\n\n"], ["a\nb"]],
  ["comments and other fields", [": hi\nevent: x\nid: 1\nretry: 5\ndata: a\n\n"], ["a"]],
  ["a field that only begins like data", ["database: a\n\ndata: b\n\n"], ["b"]],
  ["a last event that nothing ends", ["data: a\n\ndata: b"], ["a", "b"]],
  ["data without a value", ["data\n\n"], [""]],
  ["an event without data", ["event: x\n\n"], []],
]) {
  test(`reads ${name}`, () => assert.deepEqual(read(...parts), events));
}

test("any split of the bytes gives the same events", () => {
  const next = random(7);
  for (let round = 0; round < 300; round += 1) {
    const ends = ["\n", "\r\n", "\r"][Math.floor(next() * 3)];
    const texts = Array.from({ length: 1 + Math.floor(next() * 5) }, () => ["é€😀", "{\"a\": 1}", "x y", "[DONE]"][Math.floor(next() * 4)]);
    const whole = bytes.encode(texts.map((text) => `data: ${text}${ends}${ends}`).join(""));
    const parts = [];
    for (let place = 0; place < whole.length; ) {
      const size = 1 + Math.floor(next() * 7);
      parts.push(whole.slice(place, place + size));
      place += size;
    }
    assert.deepEqual(read(...parts), texts);
  }
});

test("a large event in small pieces is read once, not anew with each piece", () => {
  const reader = new SseReader();
  const whole = bytes.encode(`data: ${"x".repeat(900_000)}\n\n`);
  const found = [];
  for (let place = 0; place < whole.length; place += 100) found.push(...reader.push(whole.slice(place, place + 100)));
  assert.equal(found[0].length, 900_000);
});

test("an endless event is refused instead of filling memory", () => {
  const reader = new SseReader();
  const part = bytes.encode("x".repeat(300_000));
  reader.push(bytes.encode("data: "));
  assert.throws(() => { for (let i = 0; i < 10; i += 1) reader.push(part); }, RangeError);
});
