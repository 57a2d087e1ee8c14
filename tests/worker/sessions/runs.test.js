import assert from "node:assert/strict";
import { test } from "node:test";

import { ask, chunks, harness, openaiChunks, sse, textOf } from "../fixture.js";

const made = (more = {}) => harness({ including: ["sessions"], without: ["cache"], ...more });
const on = (id, more = {}) => ({ ...more, headers: { "x-conversation-id": id, ...more.headers } });
const streamed = (content, more = {}) => ask(content, { stream: true, ...more });
const turn = () => new Promise(setImmediate);

/** A model whose stream is let on word by word. */
function paced(words) {
  const bytes = new TextEncoder();
  const events = openaiChunks(words.join(" "));
  const held = { cancelled: false };
  const body = new ReadableStream({
    start: (controller) => {
      held.next = async () => {
        const event = events.shift();
        controller.enqueue(bytes.encode(`data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`));
        await settle();
      };
      held.rest = async () => {
        while (events.length) await held.next();
        controller.close();
        await settle();
      };
    },
    cancel: () => void (held.cancelled = true),
  });
  held.model = () => new Response(body, { headers: { "content-type": "text/event-stream" } });
  return held;
}

/** Asks until the answer is as it should be; the test's own time limit ends what never is. */
async function until(ask, fits) {
  for (;;) {
    const got = await ask();
    if (fits(got)) return got;
    await turn();
  }
}

/** Lets everything happen that waits for nothing but its turn, or the threads that hash. */
async function settle() {
  for (let round = 0; round < 30; round += 1) await Promise.all([turn(), crypto.subtle.digest("SHA-256", new Uint8Array(1))]);
}

const ids = (text) => [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
const runOf = (response) => response.headers.get("x-edge-run");

/** The text of a stream behind the frame with this id. */
function behind(text, id) {
  const mark = `id: ${id}\n`;
  return text.slice(text.indexOf("\n\n", text.indexOf(mark)) + 2);
}

test("every event has a number, and a replay gives the same bytes from any of them", async () => {
  const { chat, fetch } = made({ models: { one: () => sse(...openaiChunks("one two three four")) } });
  const response = await chat(streamed("x", { stream_options: { include_usage: true } }), on("talk"));
  const text = await response.text();
  const numbers = ids(text);
  assert.deepEqual(numbers, numbers.map((_, place) => place + 1));
  assert.equal(numbers.length, 6);
  const path = `/v1/conversations/talk/runs/${runOf(response)}/events`;
  assert.equal(await (await fetch(path)).text(), text);
  for (const number of numbers) {
    assert.equal(await (await fetch(`${path}?starting_after=${number}`)).text(), behind(text, number), String(number));
    assert.equal(await (await fetch(path, { headers: { "last-event-id": String(number) } })).text(), behind(text, number));
  }
});

test("events that came in one piece are read again one by one", async () => {
  const all = (...events) => new Response(events.map((event) => `data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`).join(""), { headers: { "content-type": "text/event-stream" } });
  const { chat, fetch } = made({ models: { one: () => all(...openaiChunks("one two three four")) } });
  const response = await chat(streamed("x"), on("talk"));
  const text = await response.text();
  assert.deepEqual(ids(text), [1, 2, 3, 4, 5]);
  for (const number of ids(text)) {
    const path = `/v1/conversations/talk/runs/${runOf(response)}/events?starting_after=${number}`;
    assert.equal(await (await fetch(path)).text(), behind(text, number), String(number));
  }
});

test("numbers go on through the conversation", async () => {
  const { chat } = made();
  await (await chat(streamed("x"), on("talk"))).text();
  assert.equal(ids(await (await chat(streamed("y"), on("talk"))).text())[0], 4);
});

test("a run goes on when its caller leaves, and is read again live to its end", async () => {
  const held = paced(["one", "two", "three"]);
  const { chat, fetch } = made({ models: { one: held.model } });
  const asked = chat(streamed("x"), on("talk"));
  await held.next();
  const response = await asked;
  await response.body.cancel();
  await held.next();
  assert.equal(held.cancelled, false);
  const resumed = await fetch(`/v1/conversations/talk/runs/${runOf(response)}/events?starting_after=1`);
  const text = resumed.text();
  await held.rest();
  assert.match(await text, /^id: 2\n.*"two /);
  assert.match(await text, /\[DONE\]\n\n$/);
  const { messages } = await (await fetch("/v1/conversations/talk")).json();
  assert.equal(messages[1].content, "one two three");
});

for (const [word, stream] of [["streamed", true], ["whole", false]]) {
  test(`a run is stopped when its caller leaves, where that is asked for (${word})`, async () => {
    const held = paced(["one", "two"]);
    const leaving = new AbortController();
    const { chat, fetch } = made({ models: { one: stream ? held.model : () => new Promise(() => {}) } });
    const asked = chat(ask("x", { stream }), on("talk", { headers: { "x-edge-on-disconnect": "cancel" }, signal: leaving.signal }));
    const kept = async () => (await (await fetch("/v1/conversations/talk")).json()).runs?.[0];
    await until(kept, (run) => run?.status === "running");
    if (stream) {
      await held.next();
      await (await asked).body.cancel();
    } else leaving.abort();
    const run = await until(kept, ({ status }) => status !== "running");
    assert.equal(run.status, "stopped");
    assert.equal(run.calls[0].outcome, "left");
    if (stream) assert.equal(held.cancelled, true);
    else assert.equal((await asked).status, 409);
  });
}

test("who leaves stops nothing that another still reads", async () => {
  const held = paced(["one", "two"]);
  const { chat, fetch } = made({ models: { one: held.model } });
  const asked = chat(streamed("x"), on("talk", { headers: { "x-edge-on-disconnect": "cancel" } }));
  await held.next();
  const response = await asked;
  const other = (await fetch(`/v1/conversations/talk/runs/${runOf(response)}/events`)).text();
  await settle();
  await response.body.cancel();
  await settle();
  await held.rest();
  assert.match(await other, /two/);
});

test("a run whose caller has left ends with its last reader", async () => {
  const held = paced(["one", "two"]);
  const { chat, fetch } = made({ models: { one: held.model } });
  const asked = chat(streamed("x"), on("talk", { headers: { "x-edge-on-disconnect": "cancel" } }));
  await held.next();
  const response = await asked;
  const other = await fetch(`/v1/conversations/talk/runs/${runOf(response)}/events`);
  await settle();
  await response.body.cancel();
  await settle();
  const kept = async () => (await (await fetch("/v1/conversations/talk")).json()).runs[0].status;
  assert.equal(await kept(), "running");
  await other.body.cancel();
  await until(kept, (status) => status === "stopped");
  assert.equal(held.cancelled, true);
});

test("a conversation that is deleted while turns come and go lives on", async () => {
  for (let delay = 0; delay < 12; delay += 1) {
    const held = paced(["one", "two"]);
    const { chat, fetch } = made({ models: { one: ({ messages }) => (messages.at(-1).content === "slow" ? held.model() : sse(...openaiChunks("fine"))) } });
    const slow = chat(streamed("slow"), on("talk"));
    await held.next();
    await slow;
    const deleted = fetch("/v1/conversations/talk", { method: "DELETE" });
    for (let ticks = 0; ticks < delay; ticks += 1) await turn();
    const turns = ["a", "b", "c"].map((text) => chat(streamed(text), on("talk")));
    assert.equal((await deleted).status, 200);
    for (const each of turns) await (await each).text();
    assert.equal(textOf(await chunks(await chat(streamed("after"), on("talk")))), "fine");
    assert.equal((await fetch("/v1/conversations/talk")).status, 200);
    const { data } = await (await fetch("/v1/conversations")).json();
    assert.deepEqual(data.map(({ id }) => id), ["talk"]);
  }
});

test("who reads on from an event before a run gets the run from its beginning", async () => {
  const { chat, fetch } = made();
  await (await chat(streamed("a"), on("talk"))).text();
  const second = await chat(streamed("b"), on("talk"));
  const whole = await second.text();
  assert.equal(await (await fetch(`/v1/conversations/talk/runs/${runOf(second)}/events?starting_after=2`)).text(), whole);
});

test("a run is not to be named by what is no run's id", async () => {
  const { chat, fetch, calls } = made();
  const response = await chat(streamed("a"), on("talk"));
  await response.text();
  for (const name of [`${runOf(response)}%2Fstop`, "..%2Fconversation", "x", "%00", "run_1"]) {
    for (const path of [`runs/${name}`, `runs/${name}/events`]) {
      const got = await fetch(`/v1/conversations/talk/${path}`);
      assert.equal(got.status, 404, path);
    }
  }
  assert.equal(calls.length, 1);
});

test("a repeated turn tells nothing of what was left of its limits", async () => {
  const rule = { name: "burst", per: "key", of: "requests", at_most: 9, window_seconds: 60, kind: "fixed", keys: null, models: null, fail: "open" };
  const limits = { max_body_bytes: 20_000, max_messages: 20, max_input_tokens: null, max_output_tokens: null, cache_hits: "free", rules: [rule] };
  const { chat } = made({ including: ["sessions", "limits"], config: { limits } });
  const keyed = on("talk", { headers: { "idempotency-key": "k" } });
  assert.match((await chat(ask("x"), keyed)).headers.get("ratelimit"), /r=8/);
  assert.equal((await chat(ask("x"), keyed)).headers.get("ratelimit"), null);
});

test("refused turns alone make no conversation", async () => {
  const rule = { name: "none", per: "key", of: "requests", at_most: 0, window_seconds: 60, kind: "fixed", keys: null, models: null, fail: "open" };
  const limits = { max_body_bytes: 20_000, max_messages: 20, max_input_tokens: null, max_output_tokens: null, cache_hits: "free", rules: [rule] };
  const { chat, fetch, settled } = made({ including: ["sessions", "limits"], config: { limits } });
  for (const stream of [false, true]) assert.equal((await chat(ask("x", { stream }), on("talk"))).status, 429);
  await settled();
  await until(() => fetch("/v1/conversations/talk"), ({ status }) => status === 404);
  assert.deepEqual((await (await fetch("/v1/conversations")).json()).data, []);
});

test("a wrong deadline is refused before there is a turn", async () => {
  const { chat, fetch } = made();
  const response = await chat(ask("x"), on("talk", { headers: { "x-edge-deadline-ms": "soon" } }));
  assert.deepEqual([response.status, (await response.json()).error.param], [400, "x-edge-deadline-ms"]);
  assert.equal((await fetch("/v1/conversations/talk")).status, 404);
});

test("what is said in a conversation is kept in no cache", async () => {
  const { chat, calls, values } = harness({ including: ["sessions"] });
  for (let time = 0; time < 2; time += 1) await (await chat(ask("x"), on(`talk${time}`))).text();
  assert.equal(calls.length, 2);
  assert.equal(values.size, 0);
});

test("ids that no address can hold are refused", async () => {
  const { chat } = made();
  for (const id of [".", ".."]) assert.equal((await chat(ask("x"), on(id))).status, 400);
});

test("a list does not begin again behind an entry that is gone", async () => {
  const { chat, fetch } = made();
  for (const id of ["a", "b"]) await (await chat(ask("x"), on(id))).text();
  await fetch("/v1/conversations/b", { method: "DELETE" });
  const response = await fetch("/v1/conversations?after=b");
  assert.deepEqual([response.status, (await response.json()).error.param], [400, "after"]);
});

test("stop ends a run for all, and its call; what was said stays", async () => {
  const held = paced(["one", "two"]);
  const { chat, fetch } = made({ models: { one: held.model } });
  const asked = chat(streamed("x"), on("talk"));
  await held.next();
  const response = await asked;
  const path = `/v1/conversations/talk/runs/${runOf(response)}`;
  const [first, second] = [response.text(), (await fetch(`${path}/events`)).text()];
  assert.equal((await fetch(`${path}/stop`, { method: "POST" })).status, 200);
  for (const text of [await first, await second]) assert.match(text, /run_stopped.*\n\ndata: \[DONE\]\n\n$/);
  assert.equal(held.cancelled, true);
  const { messages, runs } = await (await fetch("/v1/conversations/talk")).json();
  assert.deepEqual([messages[1].content, runs[0].status], ["one ", "stopped"]);
});

test("turns that overlap wait for one another", async () => {
  const held = paced(["one"]);
  const { chat, calls } = made({ models: { one: (inputs) => (calls.length === 1 ? held.model() : sse(...openaiChunks(`after ${inputs.messages.length}`))) } });
  const first = chat(streamed("a"), on("talk"));
  await settle();
  const others = ["b", "c"].map((content) => chat(streamed(content), on("talk")));
  await settle();
  assert.equal(calls.length, 1);
  await held.rest();
  assert.equal(textOf(await chunks(await first)), "one");
  assert.deepEqual(await Promise.all(others.map(async (each) => textOf(await chunks(await each)))), ["after 3", "after 5"]);
});

test("a turn that overlaps is refused, where that is asked for", async () => {
  const held = paced(["one"]);
  const { chat } = made({ models: { one: held.model } });
  const first = chat(streamed("a"), on("talk"));
  await settle();
  const second = await chat(streamed("b"), on("talk", { headers: { "x-edge-overlap": "reject" } }));
  assert.deepEqual([second.status, (await second.json()).error.code], [409, "conversation_busy"]);
  await held.rest();
  await (await first).text();
});

test("the latest turn takes the place of those before it, where that is asked for", async () => {
  const held = paced(["one", "two"]);
  const { chat, calls, fetch } = made({ models: { one: (inputs) => (inputs.messages.at(-1).content === "a" ? held.model() : sse(...openaiChunks("fine"))) } });
  const latest = on("talk", { headers: { "x-edge-overlap": "latest" } });
  const first = chat(streamed("a"), on("talk"));
  await held.next();
  const waiting = chat(streamed("b"), on("talk"));
  await settle();
  const last = chat(streamed("c"), latest);
  assert.match(await (await first).text(), /run_stopped/);
  assert.equal((await waiting).status, 409);
  assert.equal(textOf(await chunks(await last)), "fine");
  assert.deepEqual(calls.at(-1).inputs.messages.map(({ content }) => content), ["a", "one ", "c"]);
  const { runs } = await (await fetch("/v1/conversations/talk")).json();
  assert.deepEqual(runs.map(({ status }) => status), ["stopped", "dropped", "completed"]);
});

test("a turn that is sent again with its key adds nothing and asks nobody", async () => {
  const { chat, calls, fetch } = made({ models: { one: () => sse(...openaiChunks("one two")) } });
  const keyed = on("talk", { headers: { "idempotency-key": "k-1" } });
  const first = await (await chat(streamed("x"), keyed)).text();
  assert.equal(await (await chat(streamed("x"), keyed)).text(), first);
  assert.equal(calls.length, 1);
  const other = await chat(streamed("y"), keyed);
  assert.deepEqual([other.status, (await other.json()).error.code], [422, "idempotency_key_reused"]);
  assert.equal((await (await fetch("/v1/conversations/talk")).json()).messages.length, 2);
});

test("two equal turns at once with one key are one run", async () => {
  const held = paced(["one"]);
  const { chat, calls } = made({ models: { one: held.model } });
  const keyed = on("talk", { headers: { "idempotency-key": "k-1" } });
  const both = [chat(streamed("x"), keyed), chat(streamed("x"), keyed)];
  await settle();
  await held.rest();
  const [first, second] = await Promise.all(both.map(async (each) => (await each).text()));
  assert.equal(first, second);
  assert.equal(calls.length, 1);
});

test("a key whose run failed may be tried again, and the answer says which run it was", async () => {
  let broken = true;
  const { chat } = made({ models: { one: () => (broken ? Response.json({}, { status: 400 }) : sse(...openaiChunks("fine"))) } });
  const keyed = on("talk", { headers: { "idempotency-key": "k-1" } });
  const failed = await chat(streamed("x"), keyed);
  broken = false;
  const again = await chat(streamed("x"), keyed);
  assert.equal(again.headers.get("x-edge-previous"), runOf(failed));
  assert.equal(textOf(await chunks(again)), "fine");
});

test("a run that is lost with its object ends in the truth about it", async () => {
  const held = paced(["one", "two"]);
  const { chat, fetch, objects, calls } = made({ models: { one: (inputs) => (calls.length === 1 ? held.model() : sse(...openaiChunks(`after ${inputs.messages.length}`))) } });
  const asked = chat(streamed("x"), on("talk", { headers: { "idempotency-key": "k-1" } }));
  await held.next();
  const response = await asked;
  objects.crash();
  const path = `/v1/conversations/talk/runs/${runOf(response)}`;
  const replay = await (await fetch(`${path}/events`)).text();
  assert.match(replay, /"one ".*\n\nid: 2\ndata: .*run_interrupted.*\n\ndata: \[DONE\]\n\n$/s);
  assert.equal((await (await fetch(path)).json()).status, "interrupted");
  const again = await chat(streamed("x"), on("talk", { headers: { "idempotency-key": "k-1" } }));
  assert.equal(again.headers.get("x-edge-previous"), runOf(response));
  assert.equal(textOf(await chunks(again)), "after 1");
});

test("a replay outside its time is a 410, and a number that there is not yet a 400", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const { chat, fetch, objects } = made();
  const response = await chat(streamed("x"), on("talk"));
  await response.text();
  await settle();
  const path = `/v1/conversations/talk/runs/${runOf(response)}/events`;
  assert.equal(await (await fetch(`${path}?starting_after=3`)).text(), "data: [DONE]\n\n");
  for (const bad of ["x", "-1", "1.5", "4", "99"]) assert.equal((await fetch(`${path}?starting_after=${bad}`)).status, 400);
  context.mock.timers.tick(600_000);
  await objects.ring();
  const late = await fetch(path);
  assert.deepEqual([late.status, (await late.json()).error.code], [410, "replay_expired"]);
  assert.equal((await (await fetch("/v1/conversations/talk")).json()).messages.length, 2);
});

test("an object is kept awake while a run goes on", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const held = paced(["one"]);
  const { chat, objects } = made({ models: { one: held.model } });
  const asked = chat(streamed("x"), on("talk"));
  await settle();
  const { alarm } = objects.storage(objects.names[0]);
  assert.ok(alarm <= 1_000_000 + 30_000);
  context.mock.timers.tick(30_000);
  await objects.ring();
  assert.ok(objects.storage(objects.names[0]).alarm > 1_030_000);
  await held.rest();
  assert.match(await (await asked).text(), /one/);
});
