import assert from "node:assert/strict";
import { test } from "node:test";

import { agUi } from "../../../worker_src/protocols/ag_ui/protocol.js";
import { copilotKit } from "../../../worker_src/protocols/copilotkit/protocol.js";
import { harness, openaiChunks, paced, sse } from "../fixture.js";

const user = (id, content) => ({ id, role: "user", content });
const INPUT = { threadId: "t1", runId: "r1", state: {}, messages: [user("u1", "hi")], tools: [], context: [], forwardedProps: {} };
const PAINT = { name: "paint", description: "Paints", parameters: { type: "object" } };
const FORCED = { type: "function", function: { name: "copilotkitSuggest" } };
const SUGGEST = { tools: [{ ...PAINT, name: "copilotkitSuggest" }], forwardedProps: { toolChoice: FORCED } };
const JSON_TYPE = { "content-type": "application/json" };
const delta = (given, finish = null) => ({ choices: [{ index: 0, delta: given, finish_reason: finish }] });

/** A model that says how many messages it was told of. */
const counting = (inputs) => sse(...openaiChunks(`answer ${inputs.messages.length}`));

const PARTS = { models: { one: counting }, protocols: { ag_ui: agUi, copilotkit: copilotKit }, without: ["cache"], including: ["sessions", "threads"] };
const made = (more = {}) => harness({ ...PARTS, ...more });
const alone = () => made({ including: [] });
const post = ({ fetch }, path, body, more = {}) => fetch(`/copilotkit${path}`, { method: "POST", body, headers: JSON_TYPE, ...more });
const run = (proxy, changes = {}, path = "/agent/default/run", more = {}) => post(proxy, path, { ...INPUT, ...changes }, more);
const connect = (proxy, threadId = "t1") => run(proxy, { threadId, runId: "asked", messages: [] }, "/agent/default/connect");
const stop = (proxy, body, thread = "t1") => post(proxy, `/agent/default/stop/${thread}`, body);
const call = (proxy, method, params, body) => post(proxy, "", { method, params, body });
const told = ({ inputs }) => inputs.messages.map(({ role, content }) => `${role}: ${content}`);

async function events(response) {
  assert.equal(response.status, 200);
  const text = await response.text();
  assert.ok(!text.includes("null"));
  return text.split("\n\n").filter(Boolean).map((frame) => JSON.parse(frame.replace(/^data: /, "")));
}
const types = (list) => list.map(({ type }) => type).filter((type, place, all) => type !== all[place - 1]);
const textOf = (list) => list.map(({ type, delta: text }) => (type === "TEXT_MESSAGE_CONTENT" ? text : "")).join("");

/** What a client that was told these events has besides what it sent. */
const answerOf = (list) => ({ id: list.find(({ type }) => type === "TEXT_MESSAGE_START").messageId, role: "assistant", content: textOf(list) });

/** Reads a stream until a text is in it; `rest` reads on to its end. */
async function reading(response, text) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let read = "";
  const more = async () => {
    const { done, value } = await reader.read();
    if (!done) read += decoder.decode(value, { stream: true });
    return !done;
  };
  while (!read.includes(text)) assert.ok(await more(), `the stream ended without ${text}: ${read}`);
  const rest = async () => {
    while (await more());
    return read.split("\n\n").filter(Boolean).map((frame) => JSON.parse(frame.replace(/^data: /, "")));
  };
  return { rest, leave: () => reader.cancel() };
}

/** A model whose answer stays open after its first words until it is stopped, or `end` is called. */
function lasting(first = delta({ content: "one " }), last = [delta({ content: "two" }), delta({}, "stop"), "[DONE]"]) {
  let end;
  const held = new Promise((resolve) => { end = resolve; });
  const model = () => paced(first, held, ...last);
  return { models: { one: model }, end };
}

test("a page learns of the agents, and of threads where there are any", async () => {
  const told = await (await made().fetch("/copilotkit/info")).json();
  assert.deepEqual(Object.keys(told.agents), ["default", "terse"]);
  const capabilities = { tools: { supported: true, clientProvided: true }, transport: { streaming: true } };
  assert.deepEqual(told.agents.default, { name: "default", description: "", className: "EdgewrightAgent", capabilities });
  assert.equal(told.agents.terse.capabilities.tools.clientProvided, false);
  assert.equal(told.mode, "sse");
  assert.deepEqual(told.threadEndpoints, { list: true, inspect: true, mutations: false, realtimeMetadata: false });
  assert.ok(!("singleRoute" in told) && !JSON.stringify(told).includes("Be brief"));
  const single = await (await call(made(), "info")).json();
  assert.deepEqual(single.singleRoute, { resourceOperations: true, threadEndpoints: told.threadEndpoints });
  assert.ok(!("threadEndpoints" in (await (await alone().fetch("/copilotkit/info")).json())));
});

for (const [what, given] of [["", made], [" without conversations", alone]]) {
  test(`a run is told in AG-UI's events, by path and by envelope${what}`, async () => {
    const proxy = given();
    for (const response of [await run(proxy), await call(proxy, "agent/run", { agentId: "default" }, { ...INPUT, threadId: "t2" })]) {
      const list = await events(response);
      assert.deepEqual(types(list), ["RUN_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "RUN_FINISHED"]);
      assert.equal(textOf(list), "answer 1");
    }
  });
}

test("a talk goes on with what the client sends, and is kept once", async () => {
  const proxy = made();
  const first = answerOf(await events(await run(proxy)));
  const second = answerOf(await events(await run(proxy, { runId: "r2", messages: [user("u1", "hi"), first, user("u2", "more")] })));
  assert.deepEqual(told(proxy.calls[1]), ["user: hi", "assistant: answer 1", "user: more"]);
  const [started, snapshot, finished] = await events(await connect(proxy));
  assert.deepEqual(snapshot, { type: "MESSAGES_SNAPSHOT", messages: [user("u1", "hi"), first, user("u2", "more"), second] });
  assert.equal(started.type, "RUN_STARTED");
  assert.ok(!["r1", "r2"].includes(started.runId));
  assert.deepEqual(finished, { type: "RUN_FINISHED", threadId: "t1", runId: started.runId });
});

test("an edited, a repeated and an emptied talk are what the client says, and what is replaced can still be read", async () => {
  const proxy = made();
  const first = answerOf(await events(await run(proxy)));
  const after = async (...messages) => answerOf(await events(await run(proxy, { messages })));
  await after(user("u1", "hi"), first, user("u2", "more"));
  const edited = await after(user("u1", "hi"), first, user("u3", "less"));
  assert.deepEqual(told(proxy.calls[2]), ["user: hi", "assistant: answer 1", "user: less"]);
  const again = await after(user("u1", "hi"), first, user("u3", "less"));
  assert.notEqual(again.id, edited.id);
  const shown = async () => (await events(await connect(proxy)))[1].messages;
  assert.deepEqual(await shown(), [user("u1", "hi"), first, user("u3", "less"), again]);
  const other = await after(user("u9", "anew"));
  assert.deepEqual(told(proxy.calls[4]), ["user: anew"]);
  assert.deepEqual(await shown(), [user("u9", "anew"), other]);
  const { messages } = await (await proxy.fetch("/v1/conversations/t1")).json();
  const replaced = messages.filter(({ status }) => status === "replaced");
  assert.deepEqual(replaced.map(({ content }) => content), ["hi", "answer 1", "more", "answer 3", "less", "answer 3", "answer 3"]);
  assert.equal((await (await proxy.fetch("/v1/conversations/t1/export")).text()).trim().split("\n").length, 2);
});

test("a message of the client's own that instructs keeps its place, and the stack's instructions are shown to nobody", async () => {
  const proxy = made();
  const messages = [user("u1", "hi"), { id: "d1", role: "developer", content: "rule" }, user("u2", "x")];
  await events(await run(proxy, { messages }, "/agent/terse/run"));
  assert.deepEqual(told(proxy.calls[0]), ["system: Be brief.", "user: hi", "system: rule", "user: x"]);
  const [, { messages: kept }] = await events(await run(proxy, { messages: [] }, "/agent/terse/connect"));
  assert.deepEqual(kept.slice(0, 3).map(({ id, role }) => [id, role]), [["u1", "user"], ["d1", "system"], ["u2", "user"]]);
  await events(await run(proxy, { messages: [...messages, kept[3], user("u3", "y")] }, "/agent/terse/run"));
  assert.deepEqual(told(proxy.calls[1]), ["system: Be brief.", "user: hi", "system: rule", "user: x", "assistant: answer 4", "user: y"]);
  assert.ok(!JSON.stringify(await (await proxy.fetch("/v1/conversations/t1")).json()).includes("Be brief"));
});

test("calls of the page's tools and their results are told and kept under the client's ids", async () => {
  const call = { index: 0, id: "upstream", type: "function", function: { name: "paint", arguments: "{}" } };
  const calling = [delta({ tool_calls: [call] }), delta({}, "tool_calls"), "[DONE]"];
  let turns = 0;
  const proxy = made({ models: { one: (inputs) => (turns++ ? counting(inputs) : sse(...calling)) } });
  const list = await events(await run(proxy, { tools: [PAINT] }));
  const { toolCallId, parentMessageId: id } = list.find(({ type }) => type === "TOOL_CALL_START");
  const asked = { id, role: "assistant", toolCalls: [{ id: toolCallId, type: "function", function: { name: "paint", arguments: "{}" } }] };
  assert.deepEqual((await events(await connect(proxy)))[1].messages, [user("u1", "hi"), asked]);
  const result = { id: "x1", role: "tool", toolCallId, content: "red" };
  const last = answerOf(await events(await run(proxy, { tools: [PAINT], messages: [user("u1", "hi"), asked, result] })));
  const [, calls, answer] = proxy.calls[1].inputs.messages;
  assert.deepEqual([calls.tool_calls[0].id, answer.tool_call_id], [toolCallId, toolCallId]);
  assert.deepEqual((await events(await connect(proxy)))[1].messages, [user("u1", "hi"), asked, result, last]);
  const { messages } = await (await proxy.fetch("/copilotkit/threads/t1/messages")).json();
  assert.deepEqual(messages[1], { id, role: "assistant", toolCalls: [{ id: toolCallId, name: "paint", args: "{}" }] });
  assert.deepEqual(messages[2], result);
});

test("an unknown thread is an empty stream, and another tenant's is unknown", async () => {
  const proxy = made();
  await events(await run(proxy));
  for (const [threadId, key] of [["t2", undefined], ["no such id", undefined], ["t1", "sk-edge-other"]]) {
    const response = await post(proxy, "/agent/default/connect", { ...INPUT, threadId }, key ? { key } : {});
    assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
    assert.equal(await response.text(), "");
  }
});

test("a page that comes back is told the talk and the rest of its run", async () => {
  const { models, end } = lasting();
  const proxy = made({ models });
  const page = await reading(await run(proxy), "one ");
  await page.leave();
  const back = await reading(await connect(proxy), "one ");
  end();
  const list = await back.rest();
  assert.deepEqual(types(list), ["RUN_STARTED", "MESSAGES_SNAPSHOT", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "RUN_FINISHED"]);
  assert.deepEqual(list[1].messages, [user("u1", "hi")]);
  assert.deepEqual([list[0].runId, list.at(-1).runId, textOf(list)], ["r1", "r1", "one two"]);
  const { messages } = (await events(await connect(proxy)))[1];
  assert.deepEqual(messages[1], answerOf(list));
});

test("a caller of plain AG-UI who leaves stops the model, unless others read", async () => {
  const plain = async (others) => {
    const { models, end } = lasting();
    const proxy = made({ models });
    const page = await reading(await proxy.fetch("/agent/default/run", { method: "POST", body: INPUT }), "one ");
    const back = others ? await reading(await connect(proxy), "one ") : null;
    await page.leave();
    await proxy.settled();
    if (back) end();
    await back?.rest();
    return (await (await proxy.fetch("/v1/conversations/t1")).json()).runs[0].status;
  };
  assert.equal(await plain(false), "stopped");
  assert.equal(await plain(true), "completed");
});

test("a run is stopped from another request, and its page is told an ordinary end", async () => {
  const proxy = made(lasting());
  const page = await reading(await run(proxy), "one ");
  assert.deepEqual(await (await stop(proxy, { runId: "other" })).json(), { stopped: false, message: "No active run for thread 't1'." });
  const interrupt = { type: "RUN_ERROR", message: "Run stopped by user", code: "STOPPED" };
  assert.deepEqual(await (await stop(proxy, { runId: "r1" })).json(), { stopped: true, interrupt });
  assert.equal(proxy.calls[0].options.signal.aborted, true);
  assert.equal((await (await proxy.fetch("/v1/conversations/t1")).json()).runs[0].status, "stopped");
  const list = await page.rest();
  assert.deepEqual(types(list), ["RUN_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "RUN_FINISHED"]);
  assert.equal((await (await stop(proxy, undefined)).json()).stopped, false);
  assert.deepEqual((await events(await connect(proxy)))[1].messages, [user("u1", "hi"), answerOf(list)]);
});

test("a talk that was stopped in the middle goes on with what its page has of it", async () => {
  const { models } = lasting();
  let stopped = false;
  const proxy = made({ models: { one: (inputs) => (stopped ? counting(inputs) : models.one()) } });
  const page = await reading(await run(proxy), "one ");
  assert.equal((await (await call(proxy, "agent/stop", { agentId: "default", threadId: "t1" })).json()).stopped, true);
  stopped = true;
  const cut = { ...answerOf(await page.rest()), content: "on" };
  await events(await run(proxy, { runId: "r2", messages: [user("u1", "hi"), cut, user("u2", "go on")] }));
  assert.deepEqual(told(proxy.calls[1]), ["user: hi", "assistant: on", "user: go on"]);
});

test("a run that is stopped before it says anything ends as one that said nothing", async () => {
  let asked;
  const begun = new Promise((resolve) => { asked = resolve; });
  const one = (_, { signal }) => new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
    asked();
  });
  const proxy = made({ models: { one } });
  const answer = run(proxy);
  await begun;
  assert.equal((await (await stop(proxy, {})).json()).stopped, true);
  assert.deepEqual(types(await events(await answer)), ["RUN_STARTED", "RUN_FINISHED"]);
});

test("a call that was cut by a stop has a result, so that nobody makes it", async () => {
  const proxy = made(lasting(delta({ tool_calls: [{ index: 0, id: "c", type: "function", function: { name: "paint", arguments: '{"co' } }] })));
  const page = await reading(await run(proxy, { tools: [PAINT] }), "TOOL_CALL_ARGS");
  await stop(proxy, {});
  const list = await page.rest();
  assert.deepEqual(types(list).slice(-3), ["TOOL_CALL_END", "TOOL_CALL_RESULT", "RUN_FINISHED"]);
  const { toolCallId, content, messageId } = list.at(-2);
  assert.equal(JSON.parse(content).status, "stopped");
  const { messages } = (await events(await connect(proxy)))[1];
  assert.deepEqual(messages.at(-1), { id: messageId, role: "tool", toolCallId, content });
});

test("a second run waits for the first, or is refused where the stack says so", async () => {
  const { models, end } = lasting();
  const proxy = made({ models });
  const first = await reading(await run(proxy), "one ");
  const second = run(proxy, { runId: "r2" });
  const refused = await run(proxy, { runId: "r3" }, "/agent/default/run", { headers: { ...JSON_TYPE, "x-edge-overlap": "reject" } });
  assert.equal(refused.status, 409);
  assert.equal((await refused.json()).error, "conversation_busy");
  end();
  assert.equal(textOf(await first.rest()), "one two");
  assert.equal(textOf(await events(await second)), "one two");
});

test("a run that waits is stopped at once, and those around it go on", async () => {
  const turns = [lasting(), lasting()];
  let place = 0;
  const proxy = made({ models: { one: () => turns[place++].models.one() } });
  const first = await reading(await run(proxy), "one ");
  const [second, third] = ["r2", "r3"].map((runId) => run(proxy, { runId, messages: [user("u2", runId)] }));
  while ((await (await proxy.fetch("/v1/conversations/t1")).json()).runs.length < 3);
  assert.equal((await (await stop(proxy, { runId: "r2" })).json()).stopped, true);
  assert.deepEqual(types(await events(await second)), ["RUN_STARTED", "RUN_FINISHED"]);
  for (const { end } of turns) end();
  assert.equal(textOf(await first.rest()), "one two");
  assert.equal(textOf(await events(await third)), "one two");
  assert.deepEqual(proxy.calls.map((each) => told(each)), [["user: hi"], ["user: r3"]]);
});

test("a run that was refused before a model was asked leaves the talk as it was", async () => {
  const rules = [{ name: "few", per: "key", of: "requests", at_most: 1, window_seconds: 60, kind: "fixed", keys: null, models: null, fail: "open" }];
  const limits = { max_body_bytes: 20_000, max_messages: 20, max_input_tokens: null, max_output_tokens: null, rules, cache_hits: "free" };
  const proxy = made({ including: ["sessions", "threads", "limits"], config: { limits } });
  const first = answerOf(await events(await run(proxy)));
  assert.equal((await run(proxy, { messages: [user("u2", "anew")] })).status, 429);
  assert.deepEqual((await events(await connect(proxy)))[1].messages, [user("u1", "hi"), first]);
  assert.equal((await run(proxy, { threadId: "t2" })).status, 429);
  await proxy.settled();
  assert.equal(await (await connect(proxy, "t2")).text(), "");
  const { threads } = await (await proxy.fetch("/copilotkit/threads")).json();
  assert.deepEqual(threads.map(({ id }) => id), ["t1"]);
});

test("a run that failed in the middle is what was said last, until its client says otherwise", async () => {
  let broken = true;
  const proxy = made({ models: { one: (inputs) => (broken ? sse(delta({ content: "hal" })) : counting(inputs)) } });
  const list = await events(await run(proxy));
  assert.equal(list.at(-1).type, "RUN_ERROR");
  const half = answerOf(list);
  assert.deepEqual((await events(await connect(proxy)))[1].messages, [user("u1", "hi"), half]);
  broken = false;
  const answer = answerOf(await events(await run(proxy, { messages: [user("u1", "hi"), half, user("u2", "again")] })));
  assert.deepEqual(told(proxy.calls.at(-1)), ["user: hi", "assistant: hal", "user: again"]);
  assert.deepEqual((await events(await connect(proxy)))[1].messages, [user("u1", "hi"), half, user("u2", "again"), answer]);
});

test("pictures and sounds come back as they were sent", async () => {
  const proxy = made();
  const content = [
    { type: "text", text: "see" },
    { type: "image", source: { type: "data", value: "aGk=", mimeType: "image/png" } },
    { type: "image", source: { type: "url", value: "https://x.example/a.png" } },
    { type: "audio", source: { type: "data", value: "aGk=", mimeType: "audio/wav" } },
  ];
  await events(await run(proxy, { messages: [user("u1", content)] }));
  assert.deepEqual((await events(await connect(proxy)))[1].messages[0], user("u1", content));
});

test("what other protocols have left in a conversation, and pages have no word for, is left out", async () => {
  const proxy = made();
  const call = { id: "c1", type: "function", function: { name: "paint", arguments: "{}" } };
  const messages = [
    { role: "user", content: [{ type: "text", text: "see" }, { type: "input_audio", input_audio: {} }, { type: "file", file: {} }] },
    { role: "assistant", content: "well", tool_calls: [{ id: "c0", type: "custom", custom: { name: "x" } }, { id: "c2", type: "function", function: { name: "x" } }, call] },
    { role: "tool", tool_call_id: "c1", content: "done" },
    { role: "assistant", content: "so", tool_calls: null },
    { role: "user", content: "and?" },
  ];
  await (await proxy.chat({ messages, conversation: "t1", stream: true })).text();
  const shown = (await events(await connect(proxy)))[1].messages;
  assert.deepEqual(shown.map(({ content }) => content), [[{ type: "text", text: "see" }], "well", "done", "so", "and?", "answer 5"]);
  assert.deepEqual(shown[1].toolCalls.map(({ function: made }) => made), [call.function]);
  assert.equal((await proxy.fetch("/copilotkit/threads/t1/messages")).status, 200);
});

test("a summary of what a client no longer has is forgotten", async () => {
  const kept = { overlap: "queue", on_disconnect: "keep", retention_seconds: 60, replay_seconds: 60 };
  const sessions = { ...kept, max_context_tokens: 60, summary: { model: null, max_tokens: 20 } };
  const asked = ({ inputs }) => inputs.messages[0].content?.startsWith("Summarise");
  const one = (inputs) => (inputs.stream ? counting(inputs) : Response.json({ choices: [{ message: { content: "SHORT" }, finish_reason: "stop" }] }));
  const proxy = made({ including: ["sessions", "threads", "summaries"], config: { sessions }, models: { one } });
  const talk = [];
  for (const id of ["a", "b", "c", "d"]) {
    talk.push(user(id, id.repeat(60)));
    talk.push(answerOf(await events(await run(proxy, { messages: [...talk] }))));
  }
  assert.ok(proxy.calls.some(asked));
  assert.match(JSON.stringify(proxy.calls.at(-1).inputs.messages), /SHORT/);
  await events(await run(proxy, { messages: [user("z", "anew")] }));
  assert.deepEqual(told(proxy.calls.at(-1)), ["user: anew"]);
  assert.equal((await (await proxy.fetch("/v1/conversations/t1")).json()).summary, null);
});

test("a conversation that was begun before there were threads goes on as one", async () => {
  const proxy = made();
  const first = answerOf(await events(await run(proxy)));
  for (const name of proxy.objects.names) {
    const { sql, tables } = proxy.objects.storage(name);
    if (tables.includes("messages")) for (const column of ["id", "replaced"]) sql.exec(`ALTER TABLE messages DROP COLUMN ${column}`);
    else sql.exec("ALTER TABLE conversations DROP COLUMN agent");
  }
  proxy.objects.crash();
  const answer = answerOf(await events(await run(proxy, { messages: [user("u1", "hi"), first, user("u2", "more")] })));
  assert.deepEqual((await events(await connect(proxy)))[1].messages, [user("u1", "hi"), first, user("u2", "more"), answer]);
  assert.deepEqual((await (await proxy.fetch("/copilotkit/threads?agentId=default")).json()).threads.map(({ id }) => id), ["t1"]);
});

test("runs that wait have their say later", async () => {
  const turns = [lasting(), lasting(), lasting()];
  let place = 0;
  const proxy = made({ models: { one: () => turns[place++].models.one() } });
  const first = await reading(await run(proxy), "one ");
  const [second, third] = ["u7", "u8"].map((id) => run(proxy, { runId: id, messages: [user(id, id)] }));
  assert.deepEqual((await (await proxy.fetch("/copilotkit/threads/t1/messages")).json()).messages, [user("u1", "hi")]);
  turns[0].end();
  await first.rest();
  const going = await reading(await second, "one ");
  const { messages } = await (await proxy.fetch("/v1/conversations/t1")).json();
  const statuses = Object.fromEntries(messages.map(({ content, status }) => [content, status]));
  assert.deepEqual(statuses, { hi: "replaced", "one two": "replaced", u7: "running", u8: "queued" });
  turns[1].end();
  turns[2].end();
  await going.rest();
  await events(await third);
  assert.deepEqual((await events(await connect(proxy)))[1].messages.map(({ content }) => content), ["u8", "one two"]);
});

test("a page that comes back before its run has begun is told what it sent, and the run", async () => {
  const { models, end } = lasting();
  const proxy = made({ models });
  end();
  const before = answerOf(await events(await run(proxy)));
  let [tell, taken] = [];
  const told = new Promise((resolve) => { tell = resolve; });
  const waiting = new Promise((resolve) => { taken = resolve; });
  const get = proxy.objects.get.bind(proxy.objects);
  proxy.objects.get = (name) => {
    const { fetch } = get(name);
    return { fetch: async (...asked) => (name.includes("directory") && (taken(), await told), fetch(...asked)) };
  };
  const messages = [user("u1", "hi"), before, user("u2", "more")];
  const second = run(proxy, { messages });
  await waiting;
  const back = await reading(await connect(proxy), "MESSAGES_SNAPSHOT");
  tell();
  await events(await second);
  const list = await back.rest();
  assert.deepEqual([list[1].messages, textOf(list)], [messages, "one two"]);
});

test("a run's thread is the one that it names, whatever a header says", async () => {
  const proxy = made();
  await events(await run(proxy, {}, "/agent/default/run", { headers: { "content-type": "application/json", "x-conversation-id": "other" } }));
  assert.equal((await proxy.fetch("/v1/conversations/other")).status, 404);
  assert.equal((await proxy.fetch("/v1/conversations/t1")).status, 200);
});

test("suggestions are no thread", async () => {
  const proxy = made();
  await events(await run(proxy, SUGGEST));
  await events(await run(proxy, {}, "/agent/default/suggest"));
  await events(await call(proxy, "agent/suggest", { agentId: "default" }, INPUT));
  assert.deepEqual(proxy.objects.names, []);
  assert.deepEqual(proxy.calls[0].inputs.tool_choice, SUGGEST.forwardedProps.toolChoice);
});

test("threads are an agent's conversations, newest first, page by page", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const proxy = made();
  for (const [thread, agent] of [["a", "default"], ["b", "default"], ["c", "terse"]]) {
    context.mock.timers.tick(1_000);
    await events(await run(proxy, { threadId: thread }, `/agent/${agent}/run`));
  }
  await (await proxy.chat({ messages: [{ role: "user", content: "x" }], stream: true }, { headers: { "x-conversation-id": "d" } })).text();
  const list = async (query) => (await proxy.fetch(`/copilotkit/threads${query}`)).json();
  const at = "1970-01-01T00:16:42.000Z";
  const b = { id: "b", name: null, agentId: "default", organizationId: "", createdById: "", archived: false, createdAt: at, updatedAt: at };
  assert.deepEqual(await list("?agentId=default&limit=1"), { threads: [b], nextCursor: "b" });
  const rest = await list("?agentId=default&limit=1&cursor=b");
  assert.deepEqual([rest.threads.map(({ id }) => id), rest.nextCursor], [["a"], null]);
  assert.deepEqual((await list("")).threads.map(({ id }) => id), ["c", "b", "a"]);
  await (await proxy.chat({ messages: [{ role: "user", content: "x" }], stream: true }, { headers: { "x-conversation-id": "a" } })).text();
  assert.deepEqual(new Set((await list("?agentId=default")).threads.map(({ id }) => id)), new Set(["a", "b"]));
  const wrapped = await call(proxy, "resource/request", { path: "/threads?agentId=terse", httpMethod: "GET" });
  assert.deepEqual((await wrapped.json()).threads.map(({ id }) => id), ["c"]);
  assert.deepEqual((await (await proxy.fetch("/copilotkit/threads", { key: "sk-edge-other" })).json()).threads, []);
  for (const [query, name] of [["limit=x", "'limit'"], ["cursor=z", "'cursor'"]]) {
    const response = await proxy.fetch(`/copilotkit/threads?${query}`);
    assert.equal(response.status, 400);
    assert.ok((await response.json()).message.includes(name));
  }
});

test("a thread's messages, events and state can be read", async () => {
  const proxy = made();
  const answer = answerOf(await events(await run(proxy)));
  const read = async (what, thread = "t1") => {
    const response = await proxy.fetch(`/copilotkit/threads/${thread}/${what}`);
    return [response.status, await response.json()];
  };
  assert.deepEqual(await read("messages"), [200, { messages: [user("u1", "hi"), answer] }]);
  const [, { events: list }] = await read("events");
  assert.deepEqual(types(list), ["RUN_STARTED", "MESSAGES_SNAPSHOT", "RUN_FINISHED"]);
  assert.deepEqual(await read("state"), [200, { state: null }]);
  for (const what of ["messages", "events", "state"]) assert.equal((await read(what, "t2"))[0], 404);
});

test("without conversations nothing is claimed: no threads, nothing to come back to or to stop", async () => {
  const proxy = alone();
  const empty = await connect(proxy);
  assert.deepEqual([empty.status, empty.headers.get("content-type"), await empty.text()], [200, "text/event-stream; charset=utf-8", ""]);
  const stopped = await (await stop(proxy, {})).json();
  assert.equal(stopped.stopped, false);
  assert.match(stopped.message, /sessions\.enabled/);
  for (const path of ["threads", "threads/t1/messages", "threads/t1/events", "threads/t1/state"]) {
    const response = await proxy.fetch(`/copilotkit/${path}`);
    assert.equal(response.status, 404);
    assert.match((await response.json()).message, /sessions\.enabled/);
  }
});

for (const [what, ask, status, error, words] of [
  ["an agent that is not there", (proxy) => run(proxy, {}, "/agent/nope/run"), 404, "agent_not_found", "nope"],
  ["an agent that is not there, on connecting", (proxy) => run(proxy, {}, "/agent/nope/connect"), 404, "agent_not_found", "nope"],
  ["an agent that is not there, on stopping", (proxy) => run(proxy, {}, "/agent/nope/stop/t1"), 404, "agent_not_found", "nope"],
  ["a thread whose id is none", (proxy) => run(proxy, { threadId: "a b" }), 400, "invalid_request", "threadId"],
  ["no thread on connecting", (proxy) => run(proxy, { threadId: undefined }, "/agent/default/connect"), 400, "invalid_request", "threadId"],
  ["a run id that is none", (proxy) => stop(proxy, { runId: 7 }), 400, "invalid_request", "runId"],
  ["a body that is no JSON", (proxy) => post(proxy, "/agent/default/connect", "{"), 400, "invalid_json", "JSON"],
  ["no key", (proxy) => proxy.fetch("/copilotkit/info", { key: null }), 401, "invalid_api_key", "Bearer"],
  ["no method", (proxy) => post(proxy, "", {}), 400, "invalid_request", "'method'"],
  ["an unknown method", (proxy) => call(proxy, "nope"), 400, "invalid_request", "agent/run"],
  ["parameters that are none", (proxy) => call(proxy, "agent/run", 7), 400, "invalid_request", "params"],
  ["an agent that is not named", (proxy) => call(proxy, "agent/run", {}), 400, "invalid_request", "params.agentId"],
  ["a body within the envelope that is none", (proxy) => call(proxy, "agent/run", { agentId: "default" }, "x"), 400, "invalid_request", "body"],
  ["another resource", (proxy) => call(proxy, "resource/request", { path: "/memories" }), 400, "invalid_request", "params.path"],
  ["a resource elsewhere", (proxy) => call(proxy, "resource/request", { path: "/threads/../../v1/models" }), 404, "not_found", "/v1/models"],
  ["an envelope in an envelope", (proxy) => call(proxy, "resource/request", { path: "/threads/..", httpMethod: "POST" }, { method: "info" }), 404, "not_found", "/copilotkit/"],
  ["an agent of half a character", (proxy) => call(proxy, "agent/run", { agentId: "\ud800" }), 400, "invalid_request", "params.agentId"],
  ["a thread of half a character", (proxy) => call(proxy, "agent/stop", { agentId: "default", threadId: "\udc00" }), 400, "invalid_request", "params.threadId"],
  ["a method of a resource that is none", (proxy) => call(proxy, "resource/request", { path: "/threads", httpMethod: {} }), 400, "invalid_request", "params.httpMethod"],
  ["a resource that is not there", (proxy) => call(proxy, "resource/request", { path: "/threads/t1/nope" }), 404, "not_found", "nope"],
  ["a resource to write to", (proxy) => call(proxy, "resource/request", { path: "/threads", httpMethod: "DELETE" }), 405, "method_not_allowed", "GET"],
  ["an envelope of text", (proxy) => post(proxy, "", "x", { headers: { "content-type": "text/plain" } }), 415, "unsupported_media_type", "application/json"],
  ["another method", (proxy) => proxy.fetch("/copilotkit/agent/default/run"), 405, "method_not_allowed", "POST"],
]) {
  test(`${what} is refused in the runtime's shape`, async () => {
    const response = await ask(made());
    const body = await response.json();
    assert.deepEqual([response.status, body.error, Object.keys(body)], [status, error, ["error", "message"]]);
    assert.ok(body.message.includes(words), body.message);
  });
}

test("a method that is not allowed is told which are", async () => {
  const { fetch } = made();
  assert.equal((await fetch("/copilotkit/agent/default/run")).headers.get("allow"), "POST");
  assert.equal((await fetch("/copilotkit/info", { method: "DELETE" })).headers.get("allow"), "GET");
});

test("a key needs the scope of chats, and what is no chat is not counted as one", async () => {
  const keys = { ci: { tenant: "ci", routes: ["models"] }, other: { tenant: "other" } };
  const proxy = made({ including: ["sessions", "threads", "usage"], config: { auth: { mode: "keys", keys } } });
  for (const path of ["/info", "/threads"]) assert.equal((await proxy.fetch(`/copilotkit${path}`)).status, 403);
  assert.equal((await call(proxy, "info")).status, 403);
  const [before] = [proxy.points.length];
  assert.equal((await proxy.fetch("/copilotkit/threads/none/state", { key: "sk-edge-other" })).status, 404);
  await proxy.settled();
  assert.equal(proxy.points.length, before);
});

test("the document of capabilities names each path once", async () => {
  const { endpoints } = await (await made().fetch("/.well-known/edgewright")).json();
  assert.equal(new Set(endpoints).size, endpoints.length);
  assert.ok(endpoints.includes("POST /copilotkit") && endpoints.includes("GET /copilotkit/info"));
});

test("a page's key reads its own thread and does not list the others", async () => {
  const keys = { ci: { tenant: "ci", routes: ["chat"] }, other: { tenant: "other" } };
  const proxy = made({ config: { auth: { mode: "keys", keys } } });
  await events(await run(proxy));
  assert.equal((await connect(proxy)).status, 200);
  for (const response of [
    ...(await Promise.all(["", "/t1/messages", "/t1/events", "/t1/state"].map((path) => proxy.fetch(`/copilotkit/threads${path}`)))),
    await call(proxy, "resource/request", { path: "/threads?agentId=default", httpMethod: "GET" }),
  ]) {
    assert.equal(response.status, 403);
    const { error, message } = await response.json();
    assert.deepEqual([error, message], ["route_not_allowed", "This key may not use this route: its 'routes' lack 'conversations'."]);
  }
});
