import assert from "node:assert/strict";
import { test } from "node:test";

import { Flight } from "../../../worker_src/cache/flight.js";

const delta = (text) => [{ type: "delta", text }];

test("a call that was ended without a word is told to who waits for it, and joined by nobody", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const flight = new Flight(5_000);
  const guest = flight.follow({ guest: true });
  flight.publish(delta("half"));
  assert.deepEqual(await guest.next(), { done: false, value: delta("half") });
  const waiting = assert.rejects(guest.next(), { kind: "timeout" });
  context.mock.timers.tick(5_000);
  assert.equal(flight.lost, false);
  for (let look = 0; look < 10; look += 1) {
    context.mock.timers.tick(40);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await waiting;
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
  const [quick, slow] = [flight.follow(), flight.follow({ guest: true })];
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
  const [own, guest] = [flight.follow(), flight.follow({ guest: true })];
  const [first, second] = [own.next(), guest.next()];
  await own.return();
  assert.equal((await first).done, true);
  let abandoned = false;
  const watched = flight.abandoned().then(() => { abandoned = true; });
  flight.publish(delta("a"));
  assert.equal((await second).done, false);
  assert.equal(abandoned, false);
  await guest.return();
  await watched;
});

test("a guest settles nothing that the owner waits for, and the owner nothing of a guest's", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const flight = new Flight();
  const [own, guest] = [flight.follow(), flight.follow({ guest: true })];
  const settled = [];
  void own.next().then(() => settled.push("own"));
  void guest.next().then(() => settled.push("guest"));
  await guest.return();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(settled, [], "without its own timer a guest does not go on");
  flight.publish(delta("a"));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(settled, ["own"]);
  context.mock.timers.tick(5);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(settled, ["own", "guest"]);
});
