import assert from "node:assert/strict";
import { test } from "node:test";

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
