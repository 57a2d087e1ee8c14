import assert from "node:assert/strict";
import { test } from "node:test";

import { answers, ask, harness, refuses, target } from "../fixture.js";

const SESSIONS = { overlap: "queue", on_disconnect: "keep", max_context_tokens: 400, retention_seconds: 60, replay_seconds: 60 };
const LONG = "x".repeat(400); // about a hundred tokens

const made = ({ summary = answers("the gist"), model = "short", talk = answers("fine") } = {}) =>
  harness({
    including: ["sessions", "summaries"],
    without: ["cache"],
    models: { one: talk, shortener: summary },
    config: {
      sessions: { ...SESSIONS, summary: { model, max_tokens: 50 } },
      models: { m: { targets: [target("one")] }, short: { targets: [target("shortener")] } },
    },
  });

const talking = async ({ chat }, count) => {
  for (let turn = 1; turn <= count; turn += 1) {
    const response = await chat(ask(`${turn}${LONG}`, { user: "ada" }), { headers: { "x-conversation-id": "talk" } });
    assert.equal(response.status, 200);
  }
};
const of = ({ calls }, model) => calls.filter((call) => call.model === model).map(({ inputs }) => inputs);
const starts = ({ messages }) => messages.map(({ role, content }) => `${role}: ${content.slice(0, 2)}`);

test("turns that no longer fit are told as a summary, which serves several turns and grows out of the one before", async () => {
  const all = made();
  await talking(all, 7);
  const [first, second, ...further] = of(all, "shortener");
  assert.deepEqual(further, []);
  const told = of(all, "one");
  assert.deepEqual(starts(told[2]), ["user: 1x", "assistant: fi", "user: 2x", "assistant: fi", "user: 3x"]);
  assert.deepEqual(starts(told[3]), ["system: Wh", "user: 3x", "assistant: fi", "user: 4x"]);
  assert.match(told[3].messages[0].content, /the gist$/);
  assert.match(first.messages[1].content, /^user: 1x+\n\nassistant: fine\n\nuser: 2x+\n\nassistant: fine$/);
  assert.equal(first.max_tokens, 50);
  assert.match(second.messages[1].content, /^\(before\) the gist\n\nuser: 3x/);
});

test("the summary is shown beside the messages, which are all kept", async () => {
  const all = made();
  const shown = async () => (await all.fetch("/v1/conversations/talk")).json();
  await talking(all, 3);
  assert.equal((await shown()).summary, null);
  await talking(all, 1);
  const { summary, messages, runs } = await shown();
  assert.deepEqual(summary, { text: "the gist", through: runs[1].id });
  assert.equal(messages.length, 8);
});

test("a summary keeps the window within its bound", async () => {
  const all = made();
  await talking(all, 12);
  for (const { messages } of of(all, "one")) assert.ok(JSON.stringify(messages).length <= SESSIONS.max_context_tokens * 4);
});

test("without a model of its own the turn's model summarises", async () => {
  const all = made({ model: null });
  await talking(all, 4);
  assert.equal(of(all, "one").filter(({ messages }) => messages[0].content.startsWith("Summarise")).length, 1);
});

test("where no summary can be made, older turns are left out and the turn is answered", async () => {
  for (const summary of [() => Response.json({}, { status: 400 }), answers("")]) {
    const all = made({ summary });
    await talking(all, 5);
    assert.deepEqual(starts(of(all, "one")[4]), ["user: 3x", "assistant: fi", "user: 4x", "assistant: fi", "user: 5x"]);
  }
});

test("a model that cannot summarise is not asked again at once", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const all = made({ summary: refuses(400, 5007) });
  await talking(all, 6);
  assert.equal(of(all, "shortener").length, 1);
  context.mock.timers.tick(300_000);
  await talking(all, 1);
  assert.equal(of(all, "shortener").length, 2);
});

test("a summary is an answer for the same caller, and none of the turn's own calls", async () => {
  const all = made();
  const responses = [];
  for (let turn = 1; turn <= 4; turn += 1) responses.push(await all.chat(ask(`${turn}${LONG}`, { user: "ada" }), { headers: { "x-conversation-id": "talk" } }));
  assert.equal(of(all, "shortener")[0].user, "ada");
  assert.equal(responses[3].headers.get("x-edge-attempts"), "1");
});
