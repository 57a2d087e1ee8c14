import assert from "node:assert/strict";
import { test } from "node:test";

import { ask, harness, openaiChunks, sse } from "../fixture.js";

const made = (more = {}) => harness({ including: ["sessions", "sockets"], without: ["cache"], ...more });
const PATH = "/v1/conversations/talk/socket";

async function open({ fetch, objects }, { path = PATH, headers = {}, ...options } = {}) {
  const response = await fetch(path, { headers: { upgrade: "websocket", ...headers }, ...options });
  assert.equal(response.status, 101, response.status === 101 ? "" : await response.text());
  const client = response.webSocket;
  return {
    client,
    response,
    say: (frame) => objects.say(client, frame),
    frames: () => client.received.map((text) => JSON.parse(text)),
    texts: () => client.received,
  };
}

async function until(holds) {
  for (let turn = 0; !(await holds()); turn += 1) {
    assert.ok(turn < 2_000, "it never came");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const ended = ({ frames }, count = 1) => until(() => frames().filter(({ type }) => type === "done").length >= count);
const types = (frames) => frames.map(({ type }) => type);
const numbered = (frames) => frames.filter(({ seq, type }) => seq && !["paused", "done"].includes(type));
const textOf = (frames) => frames.map(({ type, text }) => (type === "delta" ? text : "")).join("");
const start = (content, more = {}) => ({ type: "start", ...ask(content), ...more });
const says = (text) => () => sse(...openaiChunks(text));

test("a turn is started over the socket and its events come as frames with their numbers", async () => {
  const app = made({ models: { one: says("one two three") } });
  const socket = await open(app);
  await socket.say(start("hi", { id: "mine" }));
  await ended(socket);
  const frames = socket.frames();
  assert.deepEqual(types(frames), ["start", "delta", "delta", "delta", "finish", "usage", "done"]);
  assert.equal(frames[0].id, "mine");
  assert.equal(frames[0].model, "m");
  assert.deepEqual(numbered(frames).map(({ seq }) => seq), [1, 2, 3, 4, 5]);
  assert.equal(textOf(frames), "one two three");
  assert.deepEqual(frames.at(-1), { type: "done", run: frames[0].run, status: "completed", seq: 5 });
  const events = await app.fetch(`/v1/conversations/talk/runs/${frames[0].run}/events`);
  const ids = [...(await events.text()).matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
  assert.ok(ids.every((id) => numbered(frames).some(({ seq }) => seq === id)));
  const { messages } = await (await app.fetch("/v1/conversations/talk")).json();
  assert.deepEqual(messages.map(({ content }) => content), ["hi", "one two three"]);
});

test("a turn that is refused leaves its socket open", async () => {
  const rule = { name: "none", per: "key", of: "requests", at_most: 0, window_seconds: 60, kind: "fixed", keys: null, models: null, fail: "open" };
  const limits = { max_body_bytes: 20_000, max_messages: 20, max_input_tokens: null, max_output_tokens: null, cache_hits: "free", rules: [rule] };
  const app = made({ including: ["sessions", "sockets", "limits"], config: { limits } });
  const socket = await open(app);
  for (const count of [1, 2]) {
    await socket.say(start("hi"));
    await ended(socket, count);
  }
  assert.deepEqual(types(socket.frames()), ["start", "error", "done", "start", "error", "done"]);
});

test("from any number a socket gets the same bytes again, then what is still to come", async () => {
  let go;
  const held = new Promise((resolve) => {
    go = resolve;
  });
  const app = made({ models: { one: () => slow(held) } });
  const first = await open(app);
  await first.say(start("hi"));
  await until(() => textOf(first.frames()).includes("two"));
  await app.objects.leave(first.client);
  const second = await open(app);
  await second.say({ type: "resume", starting_after: 1 });
  go();
  await ended(second);
  const whole = await open(app);
  await whole.say({ type: "resume", starting_after: 0 });
  await ended(whole);
  const bytes = whole.texts().filter((text) => JSON.parse(text).seq && JSON.parse(text).type !== "done");
  assert.equal(textOf(whole.frames()), "one two three four");
  for (let after = 0; after <= bytes.length; after += 1) {
    const again = await open(app);
    await again.say({ type: "resume", starting_after: after });
    const got = again.texts().filter((text) => !["start", "done"].includes(JSON.parse(text).type));
    assert.deepEqual(got, bytes.slice(after));
    assert.equal(again.frames().at(-1).type, "done");
  }
  assert.deepEqual(second.texts().filter((text) => JSON.parse(text).seq > 1 && JSON.parse(text).type !== "done"), bytes.slice(1));
  assert.deepEqual(first.texts().slice(1), bytes.slice(0, first.texts().length - 1));
});

function slow(held) {
  const bytes = new TextEncoder();
  const all = openaiChunks("one two three four").map((event) => bytes.encode(`data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`));
  const body = new ReadableStream({
    async start(controller) {
      for (const piece of all.slice(0, 2)) controller.enqueue(piece);
      await held;
      for (const piece of all.slice(2)) controller.enqueue(piece);
      controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

test("several sockets follow one conversation, whoever asks", async () => {
  const app = made({ models: { one: says("fine") } });
  const [asking, watching] = [await open(app), await open(app)];
  await watching.say({ type: "resume", starting_after: 0 });
  await asking.say(start("hi"));
  await ended(asking);
  await ended(watching);
  assert.deepEqual(watching.texts(), asking.texts());
  await (await app.chat({ ...ask("over HTTP"), conversation: "talk" })).text();
  await ended(asking, 2);
  assert.equal(textOf(asking.frames()), "finefine");
});

test("after hibernation a socket starts and resumes, and knows its caller", async () => {
  const app = made({ models: { one: says("fine") } });
  const socket = await open(app, { key: "sk-edge-other" });
  await socket.say(start("one"));
  await ended(socket);
  app.objects.hibernate();
  await socket.say(start("two"));
  await ended(socket, 2);
  const seqs = numbered(socket.frames()).map(({ seq }) => seq);
  assert.deepEqual(seqs, seqs.map((_, place) => place + 1));
  app.objects.hibernate();
  await socket.say({ type: "resume", starting_after: 2 });
  assert.ok(numbered(socket.frames()).length > seqs.length);
  assert.equal((await app.fetch("/v1/conversations/talk")).status, 404, "it belongs to the other tenant");
});

test("a run whose object is lost is told as interrupted", async () => {
  const app = made({ models: { one: () => slow(new Promise(() => {})) } });
  const socket = await open(app);
  await socket.say(start("hi"));
  await until(() => textOf(socket.frames()).includes("two"));
  app.objects.crash();
  const again = await open(app);
  await again.say({ type: "resume", starting_after: 2 });
  const frames = again.frames();
  assert.deepEqual(types(frames), ["error", "done"]);
  assert.equal(frames[0].code, "run_interrupted");
  assert.equal(frames[1].status, "interrupted");
});

test("a client that acknowledges nothing is paused, nothing is lost, and the rest comes when it does", async () => {
  const words = Array.from({ length: 3_000 }, (_, place) => `w${place}`).join(" ");
  const app = made({ models: { one: says(words) } });
  const socket = await open(app);
  await socket.say(start("hi"));
  await until(() => types(socket.frames()).includes("paused"));
  const before = numbered(socket.frames()).length;
  assert.ok(before >= 1_024 && before < 1_200, `${before} events`);
  await until(async () => (await (await app.fetch("/v1/conversations/talk")).json()).runs[0].status === "completed");
  assert.equal(numbered(socket.frames()).length, before);
  assert.equal(types(socket.frames()).filter((type) => type === "paused").length, 1);
  app.objects.hibernate();
  while (!types(socket.frames()).includes("done")) {
    const { seq } = numbered(socket.frames()).at(-1);
    await socket.say({ type: "ack", seq });
    assert.ok(numbered(socket.frames()).at(-1).seq > seq, "an acknowledgement opens the window");
  }
  assert.equal(textOf(socket.frames()), words);
  const seqs = numbered(socket.frames()).map(({ seq }) => seq);
  assert.deepEqual(seqs, seqs.map((_, place) => place + 1));
});

test("stop ends the run and its call for all", async () => {
  const app = made({ models: { one: () => slow(new Promise(() => {})) } });
  const socket = await open(app);
  await socket.say(start("hi"));
  await until(() => textOf(socket.frames()).includes("two"));
  const { run } = socket.frames()[0];
  await socket.say({ type: "stop", run });
  await ended(socket);
  const [error, done] = socket.frames().slice(-2);
  assert.equal(error.code, "run_stopped");
  assert.equal(done.status, "stopped");
});

test("a run ends with its socket where that is asked for, unless another follows", async () => {
  const status = async (watched) => {
    const app = made({ models: { one: () => slow(new Promise(() => {})) } });
    const socket = await open(app);
    await socket.say(start("hi", { on_disconnect: "cancel" }));
    await until(() => textOf(socket.frames()).includes("two"));
    const other = await open(app);
    if (watched) await other.say({ type: "resume", starting_after: 0 });
    await app.objects.leave(socket.client);
    const run = async () => (await (await app.fetch("/v1/conversations/talk")).json()).runs[0].status;
    if (!watched) await other.say({ type: "resume", starting_after: 0 });
    if (!watched) await ended(other);
    return run();
  };
  assert.equal(await status(false), "stopped");
  assert.equal(await status(true), "running");
});

test("each turn that a socket began so ends with it, and one that another socket hears does not", async () => {
  const app = made({ models: { one: () => slow(new Promise(() => {})) } });
  const status = async () => (await (await app.fetch("/v1/conversations/talk")).json()).runs.map((run) => run.status);
  const socket = await open(app);
  for (const text of ["a", "b"]) await socket.say(start(text, { on_disconnect: "cancel" }));
  await until(() => textOf(socket.frames()).includes("two"));
  await app.objects.leave(socket.client);
  await until(async () => (await status()).every((each) => ["stopped", "dropped"].includes(each)));
  const listener = await open(app);
  await listener.say({ type: "resume", starting_after: 0 });
  const another = await open(app);
  await another.say(start("c", { on_disconnect: "cancel" }));
  await until(() => textOf(another.frames()).includes("two"));
  await app.objects.leave(another.client);
  assert.equal((await status()).at(-1), "running");
  await app.objects.leave(listener.client);
  await until(async () => (await status()).at(-1) === "stopped");
});

test("a client that asks for everything again and again, and acknowledges nothing, is not served for ever", async () => {
  const app = made({ models: { one: says("x".repeat(100_000)) } });
  const socket = await open(app);
  await socket.say(start("hi"));
  await ended(socket);
  let size = 0;
  for (let time = 0; time < 200 && !socket.client.closed; time += 1) await socket.say({ type: "resume", starting_after: 0 });
  for (const text of socket.texts()) size += text.length;
  assert.equal(socket.client.closed?.code, 1008);
  assert.ok(size < 1_000_000, `${size} characters`);
});

test("a reader who was too slow for what is forgotten is told so, not passed over", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const app = made({ models: { one: says(Array.from({ length: 3_000 }, (_, place) => `w${place}`).join(" ")) } });
  const socket = await open(app);
  await socket.say(start("hi"));
  await until(() => types(socket.frames()).includes("paused"));
  await until(async () => (await (await app.fetch("/v1/conversations/talk")).json()).runs[0].status === "completed");
  for (const seq of [1_000, 1_000, 1]) await socket.say({ type: "ack", seq: Math.min(seq, numbered(socket.frames()).at(-1).seq) });
  const paused = types(socket.frames()).filter((type) => type === "paused").length;
  assert.ok(paused <= 2, `paused ${paused} times`);
  context.mock.timers.tick(3_000_000);
  await app.objects.ring();
  await socket.say({ type: "ack", seq: numbered(socket.frames()).at(-1).seq });
  assert.deepEqual([socket.frames().at(-1).type, socket.frames().at(-1).code], ["error", "replay_expired"]);
});

test("a ticket that was made up wakes no object", async () => {
  const app = made();
  const { ticket } = await (await app.fetch("/v1/conversations/talk/tickets", { method: "POST" })).json();
  const before = app.objects.names.length;
  const forged = [`${ticket.slice(0, -1)}${ticket.endsWith("0") ? "1" : "0"}`, ticket.replace(/^ci/, "other"), `ci.${"0".repeat(128)}`, "ci.", "x"];
  for (const each of forged) {
    const headers = { upgrade: "websocket", "sec-websocket-protocol": `edgewright, ticket.${each}` };
    assert.equal((await app.fetch(PATH, { key: null, headers })).status, 401);
  }
  const elsewhere = { upgrade: "websocket", "sec-websocket-protocol": `edgewright, ticket.${ticket}` };
  assert.equal((await app.fetch("/v1/conversations/other/socket", { key: null, headers: elsewhere })).status, 401);
  assert.equal(app.objects.names.length, before);
});

test("a turn with a key that was sent before is read again, not asked again", async () => {
  const app = made({ models: { one: says("fine") } });
  const socket = await open(app);
  await socket.say(start("hi", { key: "k1" }));
  await ended(socket);
  const again = await open(app);
  await again.say(start("hi", { key: "k1" }));
  await ended(again);
  assert.deepEqual(again.texts(), socket.texts());
  assert.equal(app.calls.length, 1);
  await again.say(start("other", { key: "k1" }));
  assert.equal(again.frames().at(-1).code, "idempotency_key_reused");
});

test("what is wrong with a frame is told by name, and too much of it ends the socket", async () => {
  const app = made();
  const socket = await open(app, { key: "sk-edge-narrow" });
  const wrongs = [
    ["{", "invalid_json", null],
    ["[]", "invalid_request", null],
    [{ type: "begin" }, "invalid_request", "type"],
    [start("x", { id: 7 }), "invalid_request", "id"],
    [{ type: "start" }, "invalid_request", "messages"],
    [start("x", { temperature: "hot" }), "invalid_request", "temperature"],
    [start("x", { model: "lone" }), "model_not_allowed", "model"],
    [start("x", { conversation: "other" }), "invalid_request", "conversation"],
    [start("x", { overlap: "maybe" }), "invalid_request", "overlap"],
    [start("x", { on_disconnect: "maybe" }), "invalid_request", "on_disconnect"],
    [start("x", { key: "a b" }), "invalid_request", "key"],
    [start("x", { key: 1 }), "invalid_request", "key"],
    [start("x", { n: 2 }), "invalid_request", "n"],
    [{ type: "resume" }, "invalid_request", "starting_after"],
    [{ type: "resume", starting_after: -1 }, "invalid_request", "starting_after"],
    [{ type: "resume", starting_after: 9 }, "invalid_request", "starting_after"],
    [{ type: "resume", run: "run_none" }, "not_found", "run"],
    [{ type: "stop", run: "run_none" }, "not_found", "run"],
    [{ type: "ack", seq: 1 }, "invalid_request", "seq"],
  ];
  for (const [frame, code, param] of wrongs) {
    await socket.say(frame);
    const told = socket.frames().at(-1);
    assert.deepEqual([told.type, told.code, told.param], ["error", code, param], JSON.stringify(frame));
  }
  assert.deepEqual(app.objects.storage(app.objects.names[0]).tables, [], "nothing is kept of it");
  while (!socket.client.closed) await socket.say("{");
  assert.equal(socket.client.closed.code, 1008);
  const other = await open(app);
  await other.say(start("x".repeat(30_000)));
  assert.equal(other.client.closed.code, 1009);
});

test("events that are forgotten are told so", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
  const app = made({ models: { one: says("fine") } });
  const socket = await open(app);
  await socket.say(start("hi"));
  await ended(socket);
  const { run } = socket.frames()[0];
  context.mock.timers.tick(700_000);
  await app.objects.ring();
  for (const asked of [{ starting_after: 0 }, { run }]) {
    await socket.say({ type: "resume", ...asked });
    assert.equal(socket.frames().at(-1).code, "replay_expired");
  }
  const before = socket.frames().length;
  await socket.say({ type: "resume", starting_after: 3 });
  assert.equal(socket.frames().length, before, "who has all of it misses nothing");
});

test("a ticket opens one socket of one conversation, once and soon", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
  const app = made({ models: { one: says("fine") } });
  const issue = async (id = "talk") => (await (await app.fetch(`/v1/conversations/${id}/tickets`, { method: "POST" })).json()).ticket;
  const shown = (ticket) => ({ key: null, headers: { "sec-websocket-protocol": `edgewright, ticket.${ticket}` } });
  const refused = async (ticket, path = PATH) => {
    const { headers } = shown(ticket);
    const response = await app.fetch(path, { key: null, headers: { upgrade: "websocket", ...headers } });
    assert.equal(response.status, 401);
    assert.ok(!(await response.text()).includes(ticket));
  };
  const ticket = await issue();
  const socket = await open(app, shown(ticket));
  assert.equal(socket.response.headers.get("sec-websocket-protocol"), "edgewright");
  await socket.say(start("hi"));
  await ended(socket);
  await refused(ticket);
  await refused(await issue("other"));
  await refused((await issue()).replace(/^ci/, "other"));
  await refused("nonsense");
  const late = await issue();
  context.mock.timers.tick(60_000);
  await refused(late);
});

test("a ticket for a conversation that never begins leaves nothing behind", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
  const app = made();
  await app.fetch("/v1/conversations/talk/tickets", { method: "POST" });
  const [name] = app.objects.names;
  assert.deepEqual(app.objects.storage(name).tables, ["tickets"]);
  context.mock.timers.tick(60_000);
  await app.objects.ring();
  assert.deepEqual(app.objects.storage(name).tables, []);
});

test("who may not open a socket is told why", async () => {
  const app = made();
  const status = async (options) => {
    const response = await app.fetch(PATH, options);
    return [response.status, (await response.json()).error.code];
  };
  const upgrade = { upgrade: "websocket" };
  assert.deepEqual(await status({}), [426, "upgrade_required"]);
  assert.deepEqual(await status({ key: null, headers: upgrade }), [401, "invalid_api_key"]);
  assert.deepEqual(await status({ headers: { ...upgrade, origin: "https://evil.example" } }), [403, "origin_not_allowed"]);
  for (const origin of ["https://app.example", "https://edge.example"]) await open(app, { headers: { origin } });
  const long = await app.fetch("/v1/conversations/no%20spaces/socket", { headers: upgrade });
  assert.equal(long.status, 400);
});

test("a deleted conversation closes its sockets", async () => {
  const app = made({ models: { one: says("fine") } });
  const socket = await open(app);
  await socket.say(start("hi"));
  await ended(socket);
  await app.fetch("/v1/conversations/talk", { method: "DELETE" });
  assert.equal(socket.client.closed.code, 1000);
});

test("a key that may not chat reads, and starts nothing", async () => {
  const auth = { mode: "keys", keys: { ci: { tenant: "ci", routes: ["conversations"] } } };
  const app = made({ config: { auth } });
  const socket = await open(app);
  await socket.say(start("hi"));
  const [{ code, message }] = socket.frames();
  assert.deepEqual([code, message], ["route_not_allowed", "This key may not use this route: its 'routes' lack 'chat'."]);
});
