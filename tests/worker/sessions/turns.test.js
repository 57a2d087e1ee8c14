import assert from "node:assert/strict";
import { test } from "node:test";

import { ask, chunks, harness, openaiChunks, sse, textOf } from "../fixture.js";

const made = (more = {}) => harness({ including: ["sessions"], without: ["cache"], ...more });
const said = (content, more = {}) => ask(content, more);
const on = (id, more = {}) => ({ ...more, headers: { "x-conversation-id": id, ...more.headers } });
const told = ({ inputs }) => inputs.messages.map(({ role, content }) => `${role}: ${content}`);

/** A model that says how many messages it was told of. */
const counting = (inputs) => {
  const text = `answer ${inputs.messages.length}`;
  return inputs.stream ? sse(...openaiChunks(text)) : Response.json({ choices: [{ message: { content: text }, finish_reason: "stop" }] });
};

test("the second turn knows the first, streamed or not", async () => {
  const { chat, calls } = made({ models: { one: counting } });
  const first = await chat(said("one"), on("talk"));
  assert.equal(first.headers.get("x-edge-conversation"), "talk");
  assert.match(first.headers.get("x-edge-run"), /^run_[0-9a-f]{32}$/);
  assert.equal((await first.json()).choices[0].message.content, "answer 1");
  assert.equal(textOf(await chunks(await chat(said("two", { stream: true }), on("talk")))), "answer 3");
  await chat(said("three", { conversation: "talk" }));
  assert.deepEqual(told(calls[2]), ["user: one", "assistant: answer 1", "user: two", "assistant: answer 3", "user: three"]);
});

test("a client that sends the whole talk each time says nothing twice", async () => {
  const { chat, calls } = made({ models: { one: counting } });
  const system = { role: "system", content: "be brief" };
  const turn = (...texts) => ({ messages: [system, ...texts.map((content, place) => ({ role: place % 2 ? "assistant" : "user", content }))] });
  await chat(turn("one"), on("talk"));
  await chat(turn("one", "answer 2", "two"), on("talk"));
  await chat({ messages: [{ role: "user", content: "three" }] }, on("talk"));
  assert.deepEqual(told(calls[1]), ["system: be brief", "user: one", "assistant: answer 2", "user: two"]);
  assert.deepEqual(told(calls[2]), ["system: be brief", "user: one", "assistant: answer 2", "user: two", "assistant: answer 4", "user: three"]);
});

test("new instructions take the place of the old ones", async () => {
  const { chat, calls } = made({ models: { one: counting } });
  const turn = (rule, content) => ({ messages: [{ role: "system", content: rule }, { role: "user", content }] });
  await chat(turn("in English", "one"), on("talk"));
  await chat(turn("in French", "two"), on("talk"));
  assert.deepEqual(told(calls[1]), ["system: in French", "user: one", "assistant: answer 2", "user: two"]);
});

test("what does not fit is left out by whole turns, the oldest first, and instructions stay", async () => {
  const long = "x".repeat(400); // about a hundred tokens
  const { chat, calls } = made({ config: { sessions: { overlap: "queue", on_disconnect: "keep", max_context_tokens: 260, retention_seconds: 60, replay_seconds: 60 } } });
  await chat({ messages: [{ role: "system", content: "rule" }, { role: "user", content: `1${long}` }] }, on("talk"));
  await chat(said(`2${long}`), on("talk"));
  await chat(said("3"), on("talk"));
  await chat(said("4"), on("talk"));
  assert.deepEqual(told(calls[3]).map((text) => text.slice(0, 9)), ["system: r", "user: 2xx", "assistant", "user: 3", "assistant", "user: 4"]);
});

test("a failed turn is told as the failure that it is, and no model is told of it", async () => {
  let broken = true;
  const { chat, fetch, calls } = made({ models: { one: (inputs) => (broken ? Response.json({}, { status: 400 }) : counting(inputs)) } });
  const failed = await chat(said("one"), on("talk"));
  assert.equal(failed.status, 400);
  assert.equal(failed.headers.get("x-edge-attempts"), "1");
  broken = false;
  await chat(said("two"), on("talk"));
  assert.deepEqual(told(calls[1]), ["user: two"]);
  const { messages, runs } = await (await fetch("/v1/conversations/talk")).json();
  assert.deepEqual(messages.map(({ content, status }) => [content, status]), [["one", "failed"], ["two", "completed"], ["answer 1", "completed"]]);
  assert.deepEqual(runs.map(({ status }) => status), ["failed", "completed"]);
});

test("what is wrong with a turn is refused before anything is kept", async () => {
  const { chat, objects } = made();
  const refusals = [
    [said("x"), on("no spaces")],
    [said("x", { conversation: 7 }), {}],
    [said("x", { n: 2 }), on("talk")],
    [said("x", { logprobs: true }), on("talk")],
    [said("x"), on("talk", { headers: { "x-edge-overlap": "maybe" } })],
    [said("x"), on("talk", { headers: { "x-edge-on-disconnect": "maybe" } })],
    [said("x"), on("talk", { headers: { "idempotency-key": "a b" } })],
  ];
  for (const [body, options] of refusals) {
    const response = await chat(body, options);
    assert.equal(response.status, 400, JSON.stringify(body));
    assert.ok((await response.json()).error.param);
  }
  assert.deepEqual(objects.names, []);
});

test("without the feature a conversation is refused, not ignored", async () => {
  const { chat } = harness();
  const response = await chat(said("x", { conversation: "talk" }));
  assert.equal((await response.json()).error.code, "unsupported_parameter");
});

test("another tenant's conversation is none", async () => {
  const { chat, fetch, calls } = made({ models: { one: counting } });
  await chat(said("secret"), on("talk"));
  for (const [path, method] of [["", "GET"], ["", "DELETE"], ["/export", "GET"], ["/runs/run_1", "GET"]]) {
    assert.equal((await fetch(`/v1/conversations/talk${path}`, { method, key: "sk-edge-other" })).status, 404);
  }
  await chat(said("mine"), on("talk", { key: "sk-edge-other" }));
  assert.deepEqual(told(calls[1]), ["user: mine"]);
  assert.equal((await (await fetch("/v1/conversations/talk")).json()).messages.length, 2);
});

test("conversations are listed by tenant, newest first, page by page", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const { chat, fetch } = made();
  for (const id of ["a", "b", "c"]) {
    context.mock.timers.tick(1_000);
    await (await chat(said("x"), on(id))).text();
  }
  const list = async (query = "", key) => (await fetch(`/v1/conversations${query}`, key ? { key } : {})).json();
  const page = await list("?limit=2");
  assert.deepEqual(page.data.map(({ id }) => id), ["c", "b"]);
  assert.equal(page.has_more, true);
  assert.equal(page.data[0].created_at, 1_003);
  const rest = await list("?limit=2&after=b");
  assert.deepEqual([rest.data.map(({ id }) => id), rest.has_more], [["a"], false]);
  assert.deepEqual((await list("", "sk-edge-other")).data, []);
  assert.equal((await fetch("/v1/conversations?limit=0")).status, 400);
});

test("a conversation is exported line by line and deleted whole", async () => {
  const { chat, fetch, objects } = made({ models: { one: counting } });
  await chat(said("one"), on("talk"));
  const exported = await fetch("/v1/conversations/talk/export");
  assert.equal(exported.headers.get("content-type"), "application/jsonl; charset=utf-8");
  assert.deepEqual((await exported.text()).trim().split("\n").map(JSON.parse), [{ role: "user", content: "one" }, { role: "assistant", content: "answer 1" }]);
  assert.deepEqual(await (await fetch("/v1/conversations/talk", { method: "DELETE" })).json(), { id: "talk", object: "conversation.deleted", deleted: true });
  assert.equal((await fetch("/v1/conversations/talk")).status, 404);
  assert.deepEqual((await (await fetch("/v1/conversations")).json()).data, []);
  const talk = objects.names.find((name) => name.includes("conversation"));
  assert.deepEqual(objects.storage(talk).tables, []);
  assert.equal(objects.storage(talk).alarm, null);
  await (await chat(said("again"), on("talk"))).text();
  assert.equal((await (await fetch("/v1/conversations/talk")).json()).messages.length, 2);
});

test("a conversation is gone when its time is over, and not before", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const { chat, fetch, objects } = made();
  await (await chat(said("one"), on("talk"))).text();
  context.mock.timers.tick(3_000_000);
  await (await chat(said("two"), on("talk"))).text();
  context.mock.timers.tick(3_599_000);
  await objects.ring();
  assert.equal((await fetch("/v1/conversations/talk")).status, 200);
  context.mock.timers.tick(1_000);
  await objects.ring();
  assert.equal((await fetch("/v1/conversations/talk")).status, 404);
  assert.deepEqual((await (await fetch("/v1/conversations")).json()).data, []);
});

test("an object that fails is a 503 and no answer without history", async () => {
  const { chat, objects, calls } = made();
  objects.broken = true;
  const response = await chat(said("x"), on("talk"));
  assert.equal(response.status, 503);
  assert.equal((await response.json()).error.code, "conversation_unavailable");
  assert.equal(calls.length, 0);
});

test("a message that no row holds, and an answer that does not end, are refused and leave the conversation whole", async () => {
  const endless = () => sse(...Array.from({ length: 8 }, () => ({ choices: [{ index: 0, delta: { content: "x".repeat(100_000) } }] })));
  const limits = { max_body_bytes: 4_000_000, max_messages: 20, max_input_tokens: null, max_output_tokens: null, rules: [], cache_hits: "free" };
  const { chat, fetch } = made({ models: { one: endless, two: endless }, config: { limits } });
  const instructing = { role: "system", content: "é".repeat(500_000) };
  for (const messages of [said("é".repeat(1_000_000)).messages, [instructing, instructing, ...said("hi").messages]]) {
    const refused = await chat({ messages }, on("talk"));
    assert.equal(refused.status, 413);
    assert.equal((await refused.json()).error.param, "messages");
  }
  const text = await (await chat(said("hi", { stream: true }), on("talk"))).text();
  assert.match(text, /upstream_error/);
  const { messages } = await (await fetch("/v1/conversations/talk")).json();
  assert.deepEqual(messages.map(({ status }) => status), ["failed", "failed"]);
});
