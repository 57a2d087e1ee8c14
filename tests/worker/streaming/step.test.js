import assert from "node:assert/strict";
import { test } from "node:test";

import { streaming } from "../../../worker_src/streaming/step.js";

const relay = streaming();
const encoder = { encode: (event) => `${event.text ?? event.error.code};`, end: "end" };
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** An iterator whose lists are given one by one. */
function source() {
  const ready = [];
  const waiting = [];
  const settle = () => {
    while (ready.length && waiting.length) waiting.shift()(ready.shift());
  };
  const made = {
    asked: 0,
    returned: 0,
    give: (...texts) => (ready.push({ done: false, value: texts.map((text) => ({ text })) }), settle()),
    end: () => (ready.push({ done: true, value: undefined }), settle()),
    fail: (error) => (ready.push(Promise.reject(error)), settle()),
    events: {
      next: () => {
        made.asked += 1;
        return new Promise((resolve) => (waiting.push(resolve), settle()));
      },
      return: async () => {
        made.returned += 1;
        made.end();
        return { done: true, value: undefined };
      },
    },
  };
  return made;
}

const text = ({ value }) => new TextDecoder().decode(value);

test("the first events are sent at once, a burst after them together, the end without waiting", async () => {
  const from = source();
  const reader = relay(from.events, encoder).getReader();
  from.give("a", "b");
  assert.equal(text(await reader.read()), "a;b;");
  for (const letter of "cdef") from.give(letter);
  assert.equal(text(await reader.read()), "c;d;e;f;");
  from.give("g");
  from.end();
  assert.equal(text(await reader.read()), "g;end");
  assert.equal((await reader.read()).done, true);
});

test("events that come apart are not held back", async (context) => {
  const from = source();
  const reader = relay(from.events, encoder).getReader();
  from.give("a");
  await reader.read();
  context.mock.timers.enable({ apis: ["Date", "setTimeout"], now: Date.now() + 100 });
  from.give("b");
  assert.equal(text(await reader.read()), "b;", "no timer ran");
});

test("a failure is told in the band, after what came before it", async () => {
  const from = source();
  const reader = relay(from.events, encoder).getReader();
  from.give("a");
  await reader.read();
  from.give("b");
  from.fail(Object.assign(new Error("canary"), { toEdgeError: () => ({ code: "broken" }) }));
  assert.equal(text(await reader.read()), "b;broken;end");
});

test("a caller who does not read stops the reading of the model, and loses nothing", async () => {
  const from = source();
  const reader = relay(from.events, encoder).getReader();
  const long = "x".repeat(40_000);
  for (let part = 0; part < 10; part += 1) from.give(long);
  from.end();
  let size = text(await reader.read()).length;
  for (let wait = 0; wait < 20; wait += 1) await turn();
  assert.ok(from.asked < 6, `${from.asked} lists were asked for`);
  for (let part = await reader.read(); !part.done; part = await reader.read()) size += text(part).length;
  assert.equal(size, 10 * 40_001 + 3);
});

test("a caller who leaves stops the model at once, also while it is silent", async () => {
  const from = source();
  const reader = relay(from.events, encoder).getReader();
  from.give("a");
  await reader.read();
  await turn();
  await reader.cancel();
  assert.equal(from.returned, 1);
});
