import assert from "node:assert/strict";
import { test } from "node:test";

import { Flight } from "../../../worker_src/cache/flight.js";

const delta = (text) => [{ type: "delta", text }];

test("a call that was ended without a word is told to who waits for it, and joined by nobody", async (context) => {
  context.mock.timers.enable({ apis: ["setInterval", "Date"] });
  const flight = new Flight(5_000);
  const guest = flight.follow({ guest: true });
  flight.publish(delta("half"));
  assert.deepEqual(await guest.next(), { done: false, value: delta("half") });
  const waiting = guest.next();
  context.mock.timers.tick(5_000);
  assert.equal(flight.lost, false);
  context.mock.timers.tick(1_000);
  await assert.rejects(waiting, { kind: "timeout" });
});

test("a call that is lost while nobody waits is known by its silence", (context) => {
  context.mock.timers.enable({ apis: ["Date"] });
  const flight = new Flight(5_000);
  context.mock.timers.setTime(5_001);
  assert.ok(flight.lost);
  flight.end();
  assert.ok(!flight.lost);
});

test("each follower gets everything, in batches of its own pace", async () => {
  const flight = new Flight();
  const [quick, slow] = [flight.follow(), flight.follow()];
  flight.publish(delta("a"));
  assert.deepEqual((await quick.next()).value, delta("a"));
  flight.publish(delta("b"));
  flight.publish(delta("c"));
  flight.end();
  assert.deepEqual((await quick.next()).value, [...delta("b"), ...delta("c")]);
  assert.deepEqual((await slow.next()).value, [...delta("a"), ...delta("b"), ...delta("c")]);
  assert.deepEqual([(await quick.next()).done, (await slow.next()).done], [true, true]);
});

test("a follower who leaves while it waits is let go, the others are not", async () => {
  const flight = new Flight();
  const [one, two] = [flight.follow(), flight.follow()];
  let abandoned = 0;
  flight.onAbandoned = () => { abandoned += 1; };
  const [first, second] = [one.next(), two.next()];
  await one.return();
  assert.equal((await first).done, true);
  flight.publish(delta("a"));
  assert.equal((await second).done, false);
  assert.equal(abandoned, 0);
  await two.return();
  assert.equal(abandoned, 1);
});
