import assert from "node:assert/strict";
import { test } from "node:test";

import { copilotKit } from "../../../worker_src/protocols/copilotkit/protocol.js";
import { copilotkitGraphql } from "../../../worker_src/protocols/copilotkit_graphql/protocol.js";
import { harness, sse } from "../fixture.js";

/** What urql sends. */
const ACCEPT = "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed";
const AT = "2026-11-23T08:06:17.817Z";
const said = (role, content, id = "u1") => ({ id, createdAt: AT, textMessage: { role, content } });
const PAINT = { available: "enabled", name: "paint", description: "Paints", jsonSchema: '{"type":"object","properties":{"color":{"type":"string"}}}' };
const DATA = {
  agentStates: [],
  context: [],
  extensions: {},
  forwardedParameters: {},
  frontend: { actions: [], url: "http://127.0.0.1/" },
  messages: [said("user", "hi")],
  metaEvents: [],
  metadata: { requestType: "Chat" },
  runId: null,
  threadId: "t1",
};
const QUERY = "mutation generateCopilotResponse($data: GenerateCopilotResponseInput!, $properties: JSONObject) { generateCopilotResponse(data: $data, properties: $properties) { threadId __typename } }";
const delta = (given, finish = null) => ({ choices: [{ index: 0, delta: given, finish_reason: finish }] });
const call = (index, fn, id) => delta({ tool_calls: [{ index, ...(id ? { id, type: "function" } : {}), function: fn }] });
const USED = { choices: [], usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } };
const TOLD = [delta({ content: "a " }), delta({ content: "b" }), delta({}, "stop"), USED, "[DONE]"];
const CALLED = [delta({ content: "ok" }), call(0, { name: "paint", arguments: "" }, "c1"), call(0, { arguments: '{"color":' }), call(0, { arguments: '"red"}' }), call(1, { name: "paint", arguments: "{}" }, "c2"), delta({}, "tool_calls"), "[DONE]"];

const serving = (frames = TOLD, more = {}) => harness({ models: { one: () => sse(...frames) }, protocols: { copilotkit_graphql: copilotkitGraphql }, ...more });
const post = ({ fetch }, body, { headers = {}, ...more } = {}) =>
  fetch("/copilotkit", { method: "POST", body, headers: { accept: ACCEPT, "content-type": "application/json", ...headers }, ...more });
const ask = (proxy, data = {}, { properties = {}, ...more } = {}) =>
  post(proxy, { operationName: "generateCopilotResponse", query: QUERY, variables: { data: { ...DATA, ...data }, properties } }, more);

/** The parts of a multipart answer, cut as urql cuts them. */
async function parts(response) {
  assert.equal(response.headers.get("content-type"), 'multipart/mixed; boundary="-"');
  const [preamble, ...rest] = (await response.text()).split("\r\n---");
  assert.equal(preamble, "");
  assert.equal(rest.pop(), "--\r\n");
  const read = rest.map((each) => JSON.parse(each.slice(each.indexOf("\r\n\r\n") + 4)));
  assert.deepEqual(read.map(({ hasNext }) => hasNext), read.map((_, place) => place < read.length - 1));
  return read;
}

/** The response that the parts add up to. */
function merged([first, ...rest]) {
  const whole = structuredClone(first.data);
  for (const { data, items, path } of rest.flatMap(({ incremental = [] }) => incremental)) {
    const holder = path.slice(0, -1).reduce((held, key) => held[key], whole);
    const last = path.at(-1);
    if (!items) Object.assign(holder[last], data);
    else {
      assert.equal(holder.length, last);
      holder.push(...items);
    }
  }
  return whole.generateCopilotResponse;
}

const streamed = async (proxy, data, more) => merged(await parts(await ask(proxy, data, more)));
const SUCCESS = { code: "Success", __typename: "SuccessMessageStatus" };
const DONE = { code: "Success", __typename: "SuccessResponseStatus" };

test("an answer is streamed word by word", async () => {
  const told = await parts(await ask(serving()));
  assert.deepEqual(told[0], { data: { generateCopilotResponse: { threadId: "t1", runId: null, extensions: null, messages: [], metaEvents: [], __typename: "CopilotResponse" } }, hasNext: true });
  assert.equal(told.length, 4);
  const { messages, status } = merged(told);
  const { id, createdAt, ...message } = messages[0];
  assert.match(id, /^msg_/);
  assert.ok(Date.parse(createdAt));
  assert.deepEqual(message, { __typename: "TextMessageOutput", content: ["a ", "b"], role: "assistant", parentMessageId: null, status: SUCCESS });
  assert.deepEqual(status, DONE);
});

test("calls of the page's actions come in pieces, each a message of its own below the text", async () => {
  const proxy = serving(CALLED);
  const { messages, status } = await streamed(proxy, { frontend: { actions: [PAINT, { ...PAINT, name: "off", available: "disabled" }] } });
  const [said, one, two] = messages;
  const parameters = JSON.parse(PAINT.jsonSchema);
  assert.deepEqual(proxy.calls[0].inputs.tools, [{ type: "function", function: { name: "paint", description: "Paints", parameters } }]);
  assert.deepEqual(said.content, ["ok"]);
  assert.deepEqual([one.__typename, one.name, one.arguments, one.status], ["ActionExecutionMessageOutput", "paint", ['{"color":', '"red"}'], SUCCESS]);
  assert.deepEqual(two.arguments, ["{}"]);
  assert.deepEqual([one.parentMessageId, two.parentMessageId], [said.id, said.id]);
  assert.notEqual(one.id, two.id);
  assert.deepEqual(status, DONE);
});

test("reasoning is kept back, as the schema has no place for it", async () => {
  const { messages } = await streamed(serving([delta({ reasoning_content: "hm" }), delta({ content: "a" }), delta({}, "stop"), "[DONE]"]));
  assert.deepEqual(messages.map(({ content }) => content), [["a"]]);
});

test("a refusal of the model is a text", async () => {
  const { messages } = await streamed(serving([delta({ refusal: "no" }), delta({}, "stop"), "[DONE]"]));
  assert.deepEqual(messages.map(({ content }) => content), [["no"]]);
});

for (const [what, accept, more] of [["a caller that takes JSON alone", "application/json", {}], ["a proxy that does not stream", ACCEPT, { without: ["streaming"] }]]) {
  test(`${what} gets the answer in one piece`, async () => {
    const message = { role: "assistant", content: "ok", tool_calls: [{ id: "c1", type: "function", function: { name: "paint", arguments: '{"color":"red"}' } }] };
    const proxy = serving([], { models: { one: () => Response.json({ choices: [{ index: 0, message, finish_reason: "tool_calls" }] }) }, ...more });
    const response = await ask(proxy, {}, { headers: { accept } });
    assert.equal(response.headers.get("content-type"), "application/json");
    const { messages, status, ...rest } = (await response.json()).data.generateCopilotResponse;
    assert.equal(proxy.calls[0].inputs.stream, undefined);
    assert.deepEqual(rest, { threadId: "t1", runId: null, extensions: null, metaEvents: [], __typename: "CopilotResponse" });
    assert.deepEqual(messages.map(({ content, arguments: given }) => content ?? given), [["ok"], ['{"color":"red"}']]);
    assert.deepEqual(messages.map(({ status: each }) => each), [SUCCESS, SUCCESS]);
    assert.deepEqual(status, DONE);
  });
}

test("an answer that was kept comes with new ids, for another thread", async () => {
  const proxy = serving();
  const first = await streamed(proxy);
  await proxy.settled();
  const again = await ask(proxy, { threadId: "t2", messages: [said("user", "hi", "other")] });
  assert.equal(again.headers.get("x-edge-cache"), "HIT");
  const second = merged(await parts(again));
  assert.equal(second.threadId, "t2");
  assert.equal(second.messages[0].content.join(""), first.messages[0].content.join(""));
  assert.notEqual(second.messages[0].id, first.messages[0].id);
});

test("a thread without a name gets one", async () => {
  const { threadId, runId } = await streamed(serving(), { threadId: undefined, runId: undefined });
  assert.match(threadId, /^[0-9a-f-]{36}$/);
  assert.equal(runId, null);
});

test("the model is told the talk, with the calls of a turn in one message and none that is open", async () => {
  const proxy = serving();
  const act = (id, name = "paint") => ({ id, createdAt: AT, actionExecutionMessage: { name, arguments: '{"color":"red"}', parentMessageId: "a1" } });
  const result = (id, text = "done") => ({ id: `result-${id}`, createdAt: AT, resultMessage: { actionExecutionId: id, actionName: "paint", result: text } });
  const messages = [
    said("developer", "Rules."),
    { id: "i", createdAt: AT, imageMessage: { role: "user", format: "png", bytes: "aGk=", parentMessageId: null } },
    said("assistant", "ok", "a1"),
    act("c1"),
    act("c2"),
    result("c1"),
    result("c2", "again"),
    { id: "s", createdAt: AT, agentStateMessage: { agentName: "terse", state: "{}" } },
    act("c3"),
    result("gone"),
    said("user", "and?", "u2"),
  ];
  await parts(await ask(proxy, { messages }));
  const told = (id) => ({ id, type: "function", function: { name: "paint", arguments: '{"color":"red"}' } });
  assert.deepEqual(proxy.calls[0].inputs.messages, [
    { role: "system", content: "Rules." },
    { role: "user", content: [{ type: "image_url", image_url: { url: "data:image/png;base64,aGk=" } }] },
    { role: "assistant", content: "ok", tool_calls: [told("c1"), told("c2")] },
    { role: "tool", tool_call_id: "c1", content: "done" },
    { role: "tool", tool_call_id: "c2", content: "again" },
    { role: "user", content: "and?" },
  ]);
});

test("the model is told what the stack and the page say of the agent, and nothing twice", async () => {
  const proxy = serving();
  const messages = [said("system", "1. user: Ann"), said("user", "hi", "u2")];
  const context = [{ description: "user", value: "Ann" }, { description: "place", value: "Oslo" }];
  const agentStates = [{ agentName: "default", state: '{"x":1}' }, { agentName: "terse", state: '{"count":2}' }];
  const response = await ask(proxy, { messages, context, agentStates, agentSession: { agentName: "terse" }, frontend: { actions: [PAINT] }, forwardedParameters: { model: "m" } });
  await parts(response);
  assert.equal(response.headers.get("x-edge-model"), "lone");
  const [{ content }, ...talk] = proxy.calls[0].inputs.messages;
  assert.equal(content, 'Be brief.\n\n## Context from the application\n\nplace:\nOslo\n\n## State of the application\n\n{"count":2}');
  assert.deepEqual(talk.map((each) => each.content), ["1. user: Ann", "hi"]);
  assert.equal(proxy.calls[0].inputs.tools, undefined);
});

test("however long what is told already and the context are, they are compared at once", async () => {
  const quarter = "a".repeat(50_000);
  const messages = [said("system", quarter.repeat(4)), said("user", "hi", "u2")];
  const began = performance.now();
  const limits = { max_body_bytes: 1_000_000, max_messages: 20, max_input_tokens: null, max_output_tokens: null, rules: [], cache_hits: "free" };
  await parts(await ask(serving(TOLD, { config: { limits } }), { messages, context: [{ description: quarter, value: quarter }] }));
  assert.ok(performance.now() - began < 1_000);
});

test("a property that is not as it must be is named", async () => {
  const { errors } = await (await ask(serving(), {}, { properties: { maxTokens: "x" } })).json();
  assert.equal(errors[0].extensions.error.param, "variables.properties.maxTokens");
});

test("a stack without agents lists none, and its pages chat all the same", async () => {
  const proxy = serving(TOLD, { config: { agents: {} } });
  assert.deepEqual((await (await post(proxy, { operationName: "availableAgents" })).json()).data.availableAgents.agents, []);
  assert.deepEqual((await streamed(proxy)).status, DONE);
  assert.deepEqual(proxy.calls[0].inputs.messages, [{ role: "user", content: "hi" }]);
});

test("parameters and properties are settings, and the parameters win", async () => {
  const proxy = serving();
  const forwardedParameters = { maxTokens: 9, temperature: 0.5, stop: ["."], model: null, toolChoice: "function", toolChoiceFunctionName: "paint" };
  const response = await ask(proxy, { forwardedParameters, frontend: { actions: [PAINT] } }, { properties: { model: "lone", temperature: 1, authorization: "x" } });
  await parts(response);
  assert.equal(response.headers.get("x-edge-model"), "lone");
  const { max_tokens: most, temperature, stop, tool_choice: choice, authorization } = proxy.calls[0].inputs;
  assert.deepEqual([most, temperature, stop, choice, authorization], [9, 0.5, ["."], { type: "function", function: { name: "paint" } }, undefined]);
});

test("a task that must act is asked so, and one that cannot is not", async () => {
  const proxy = serving();
  const task = { metadata: { requestType: "Task" }, forwardedParameters: { toolChoice: "required" } };
  await parts(await ask(proxy, { ...task, frontend: { actions: [PAINT] } }));
  await parts(await ask(proxy, { ...task, frontend: { actions: [] } }));
  assert.deepEqual(proxy.calls.map(({ inputs }) => inputs.tool_choice), ["required", undefined]);
});

test("an upstream that fails within the answer is told in its status, and nothing after it", async () => {
  const told = await parts(await ask(serving([delta({ content: "a" })])));
  const { messages, status } = merged(told);
  assert.deepEqual(messages[0].content, ["a"]);
  assert.equal(messages[0].status, undefined);
  assert.equal(status.__typename, "FailedResponseStatus");
  assert.equal(status.reason, "UNKNOWN_ERROR");
  assert.deepEqual(status.details, { description: "The model's answer broke off before its end.", code: "stream_truncated" });
});

test("silence is broken by a part that changes nothing, also before the first word", () => {
  const encoder = copilotkitGraphql.encoder({ model: "m", run: { threadId: "t", runId: null } });
  const early = encoder.quiet.text + encoder.encode({ type: "delta", text: "a" }) + encoder.quiet.text + encoder.end;
  const read = early.split("\r\n---").slice(1, -1).map((each) => JSON.parse(each.slice(each.indexOf("\r\n\r\n") + 4)));
  assert.deepEqual(read.map(({ data, incremental, hasNext }) => [Boolean(data), Boolean(incremental), hasNext]), [[true, false, true], [false, false, true], [false, true, true], [false, false, true], [false, true, false]]);
});

for (const [name, body, expected] of [
  ["availableAgents", { operationName: "availableAgents", query: "query availableAgents { availableAgents { agents { name id description __typename } __typename } }" }, { agents: ["default", "terse"].map((id) => ({ name: id, id, description: "", __typename: "Agent" })), __typename: "AgentsResponse" }],
  ["loadAgentState", { operationName: "loadAgentState", variables: { data: { threadId: "t1", agentName: "default" } } }, { threadId: "t1", threadExists: false, state: "{}", messages: "[]", __typename: "LoadAgentStateResponse" }],
  ["hello", { query: "{ hello __typename }" }, "Hello World"],
  ["__typename", { operationName: "Ready", query: "query Ready { __typename }" }, "Query"],
]) {
  test(`${name} is answered at once`, async () => {
    const proxy = serving();
    const response = await post(proxy, body);
    assert.deepEqual(await response.json(), { data: { [name]: expected } });
    assert.equal(proxy.calls.length, 0);
  });
}

test("the schema names each type that it speaks of", async () => {
  const { data } = await (await post(serving(), { operationName: "IntrospectionQuery", query: "query IntrospectionQuery { __schema { types { name } } }" })).json();
  const { types } = data.__schema;
  const spoken = ({ name, ofType }) => (ofType ? spoken(ofType) : name);
  const used = types.flatMap(({ fields }) => fields ?? []).flatMap(({ type, args }) => [type, ...args.map((each) => each.type)]).map(spoken);
  assert.deepEqual([...new Set(used)].filter((name) => !types.some((type) => type.name === name)), []);
  assert.ok(used.includes("CopilotResponse") && used.includes("Agent"));
});

test("a chat under another name is found by its query", async () => {
  const proxy = serving();
  await parts(await post(proxy, { operationName: "Mine", query: QUERY, variables: { data: DATA } }));
  assert.equal(proxy.calls.length, 1);
});

const nested = (levels) => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;

for (const [what, data, code, param] of [
  ["no data", null, "invalid_request", "variables.data"],
  ["messages that are none", { messages: "hi" }, "invalid_request", "variables.data.messages"],
  ["no message", { messages: [] }, "invalid_request", "variables.data.messages"],
  ["a message of no kind", { messages: [{ id: "x" }] }, "invalid_request", "variables.data.messages[0]"],
  ["a message without its text", { messages: [{ id: "x", textMessage: { role: "user" } }] }, "invalid_request", "variables.data.messages[0].textMessage.content"],
  ["an action without its schema", { frontend: { actions: [{ name: "x" }] } }, "invalid_request", "variables.data.frontend.actions[0].jsonSchema"],
  ["an action without its name", { frontend: { actions: [{ jsonSchema: "{}" }] } }, "invalid_request", "variables.data.frontend.actions[0].name"],
  ["actions that are none", { frontend: { actions: 1 } }, "invalid_request", "variables.data.frontend.actions"],
  ["parameters that are none", { forwardedParameters: "x" }, "invalid_request", "variables.data.forwardedParameters"],
  ["a choice of no function", { forwardedParameters: { toolChoice: "function" } }, "invalid_request", "variables.data.forwardedParameters.toolChoiceFunctionName"],
  ["a thread that is none", { threadId: 1 }, "invalid_request", "variables.data.threadId"],
  ["a state that is no JSON", { agentSession: { agentName: "default" }, agentStates: [{ agentName: "default", state: "{" }] }, "invalid_request", "variables.data.agentStates[0].state"],
  ["an agent that is not there", { agentSession: { agentName: "nope" } }, "agent_not_found", null],
  ["an agent without a name", { agentSession: { agentName: 1 } }, "invalid_request", "variables.data.agentSession.agentName"],
  ["a model that is not there", { forwardedParameters: { model: "nope" } }, "model_not_found", "variables.data.forwardedParameters.model"],
  ["a message of nobody", { messages: [said("user", "hi"), said("nobody", "hi")] }, "invalid_request", "variables.data.messages[1].textMessage.role"],
  ["a call without an id", { messages: [{ actionExecutionMessage: { name: "paint", arguments: "{}" } }] }, "invalid_request", "variables.data.messages[0].id"],
  ["a context that is no text", { context: [{ description: "user" }] }, "invalid_request", "variables.data.context[0].value"],
  ["a schema without end", { frontend: { actions: [{ name: "x", jsonSchema: nested(65) }] } }, "invalid_request", "variables.data.frontend.actions[0].jsonSchema"],
  ["a state without end", { agentSession: { agentName: "default" }, agentStates: [{ agentName: "default", state: nested(65) }] }, "invalid_request", "variables.data.agentStates[0].state"],
  ["a thread whose id is longer than any", { threadId: "t".repeat(1_025) }, "invalid_request", "variables.data.threadId"],
]) {
  test(`${what} is refused so that CopilotKit shows why`, async () => {
    const proxy = serving();
    const response = data === null ? await post(proxy, { operationName: "generateCopilotResponse" }) : await ask(proxy, data);
    assert.equal(response.status, 200);
    const { errors, data: nothing } = await response.json();
    assert.equal(nothing, null);
    assert.deepEqual([errors[0].extensions.error.code, errors[0].extensions.error.param], [code, param]);
    assert.equal(errors[0].message, errors[0].extensions.error.message);
    // A code of its own here makes the page of 1.10.6 throw.
    assert.equal(errors[0].extensions.code, undefined);
    assert.equal(proxy.calls.length, 0);
  });
}

for (const [what, body, code] of [
  ["an operation that is not there", { operationName: "nope" }, "invalid_request"],
  ["the state of an agent that is not there", { operationName: "loadAgentState", variables: { data: { threadId: "t", agentName: "nope" } } }, "agent_not_found"],
  ["the state of no agent", { operationName: "loadAgentState" }, "invalid_request"],
]) {
  test(`${what} is refused`, async () => {
    assert.equal((await (await post(serving(), body)).json()).errors[0].extensions.error.code, code);
  });
}

test("a bad key is refused so that CopilotKit shows why, and a failed upstream by its status", async () => {
  const refused = await ask(serving(), {}, { key: "sk-edge-wrong" });
  assert.deepEqual([refused.status, (await refused.json()).errors[0].extensions.error.code], [200, "invalid_api_key"]);
  const failed = await ask(serving([], { models: { one: () => new Response("", { status: 503 }), two: () => new Response("", { status: 503 }) } }));
  assert.equal(failed.status, 503);
  assert.equal((await failed.json()).errors[0].extensions.error.code, "upstream_unavailable");
});

test("beside CopilotKit's later protocol each has its requests and its refusals, also of a key that is not known", async () => {
  const proxy = serving(TOLD, { protocols: { copilotkit: copilotKit, copilotkit_graphql: copilotkitGraphql } });
  const info = await post(proxy, { method: "info" });
  assert.deepEqual(Object.keys((await info.json()).agents), ["default", "terse"]);
  assert.deepEqual((await streamed(proxy)).status, DONE);
  const wrong = { key: "sk-edge-wrong" };
  const later = await post(proxy, { method: "info" }, wrong);
  assert.deepEqual([later.status, (await later.json()).error], [401, "invalid_api_key"]);
  const earlier = await ask(proxy, {}, { ...wrong, headers: { "x-copilotkit-runtime-client-gql-version": "1.10.6" } });
  assert.deepEqual([earlier.status, (await earlier.json()).errors.length], [200, 1]);
  const neither = await post(proxy, { messages: [] });
  assert.equal(neither.status, 400);
  assert.match((await neither.json()).message, /'method'.* or the GraphQL operation 'generateCopilotResponse' or another GraphQL 'query'/);
});

test("a body that is none of GraphQL's is refused in its form", async () => {
  const response = await post(serving(), { messages: [] });
  assert.match((await response.json()).errors[0].message, /^The body is of no form that is known here/);
});
