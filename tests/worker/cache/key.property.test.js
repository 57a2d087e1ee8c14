import assert from "node:assert/strict";

import fc from "fast-check";

import { canonicalRequest } from "../../../worker_src/cache/key.js";
import { chatRequest } from "../../../worker_src/protocols/chat.js";
import { configuration } from "../fixture.js";
import { jsText, property } from "../property.js";

const CONFIG = configuration();
const key = (body, tenant = "t") => canonicalRequest(tenant, chatRequest(body, CONFIG, { models: null }));

const name = fc.oneof(
  fc.constantFrom("type", "const", "enum", "id", "user", "name", "x", "__proto__", "constructor"),
  jsText,
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    {
      weight: 3,
      arbitrary: fc.oneof(
        jsText,
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
      ),
    },
    { weight: 1, arbitrary: fc.array(tie("value"), { maxLength: 3 }) },
    {
      weight: 2,
      arbitrary: fc.array(fc.tuple(name, tie("value")), { maxLength: 4 }).map((pairs) => Object.fromEntries(pairs)),
    },
  ),
}));
const object = fc
  .array(fc.tuple(name, value), { minLength: 1, maxLength: 4 })
  .map((pairs) => Object.fromEntries(pairs));
const parts = fc.array(fc.record({ type: fc.constant("text"), text: jsText }), { minLength: 1, maxLength: 2 });
const message = fc.record(
  {
    role: fc.constantFrom("system", "user", "assistant"),
    content: fc.oneof({ weight: 3, arbitrary: jsText }, { weight: 1, arbitrary: parts }),
    name: jsText,
    tool_calls: fc.array(object, { minLength: 1, maxLength: 2 }),
  },
  { requiredKeys: ["role", "content"] },
);
const tool = fc.record({ type: fc.constant("function"), function: fc.record({ name: jsText.filter(Boolean), parameters: object }) });
const body = fc.record(
  {
    messages: fc.array(message, { minLength: 1, maxLength: 3 }),
    model: fc.constantFrom("m", "lone"),
    temperature: fc.double({ min: 0, max: 5, noNaN: true }),
    max_tokens: fc.integer({ min: 1, max: 99 }),
    n: fc.constantFrom(2, 3),
    seed: fc.integer(),
    stop: fc.array(jsText, { minLength: 1, maxLength: 2 }),
    tool_choice: fc.constantFrom("none", "required"),
    logprobs: fc.constant(true),
    tools: fc.array(tool, { minLength: 1, maxLength: 2 }),
    response_format: object.map((held) => ({ ...held, type: "json_schema" })),
    logit_bias: fc.record({ 1: fc.integer(), 2: fc.integer() }),
  },
  { requiredKeys: ["messages"] },
);

/** The same value with the keys of every object in an order that `turns` decides. */
function reordered(held, turns, place = { at: 0 }) {
  if (Array.isArray(held)) return held.map((inner) => reordered(inner, turns, place));
  if (held === null || typeof held !== "object") return held;
  const pairs = Object.entries(held).map(([member, inner]) => [member, reordered(inner, turns, place)]);
  const order = pairs.map(() => turns[place.at++ % turns.length]);
  return Object.fromEntries(
    pairs
      .map((pair, index) => [order[index], pair])
      .sort(([a], [b]) => a - b)
      .map(([, pair]) => pair),
  );
}

/** What makes no difference: defaults written out, nulls, what clients make up for themselves. */
const idle = fc.record(
  {
    n: fc.constantFrom(1, null),
    tool_choice: fc.constantFrom("auto", null),
    logprobs: fc.constantFrom(false, null),
    temperature: fc.constant(null),
    tools: fc.constant(null),
    response_format: fc.constant(null),
    stop: fc.constant(null),
    future_setting: fc.constant(null),
    user: jsText,
    metadata: object,
    store: fc.boolean(),
    safety_identifier: jsText,
    prompt_cache_key: jsText,
    service_tier: jsText,
    parallel_tool_calls: fc.boolean(),
    stream: fc.constantFrom(false, null),
    stream_options: fc.record({ include_usage: fc.boolean() }),
  },
  { requiredKeys: [] },
);
const idleInMessage = fc.record(
  {
    id: jsText,
    createdAt: fc.integer(),
    name: fc.constant(null),
    tool_calls: fc.constant(null),
    refusal: fc.constant(null),
  },
  { requiredKeys: [] },
);

property(
  "what tells the model nothing makes no difference",
  [body, idle, idleInMessage, fc.array(fc.nat(99), { minLength: 1, maxLength: 20 }), fc.constantFrom(0, 1, "\t")],
  (asked, more, inMessage, turns, space) => {
    const messages = asked.messages.map((held) => ({ ...inMessage, ...held }));
    const nothing = asked.tools ? without(more, ["parallel_tool_calls"]) : more;
    const other = JSON.parse(JSON.stringify(reordered({ ...nothing, ...asked, messages }, turns), null, space));
    assert.equal(key(other), key(JSON.parse(JSON.stringify(asked))));
  },
);

/** Every place below `held` that can be changed, as a function that gives a changed copy; `other` is put there. */
function places(held, other, depth = 0) {
  if (held === null || typeof held !== "object") return [() => other];
  const inner = Object.keys(held).flatMap((member) =>
    places(held[member], other, depth + 1).map((change) => () => replaced(held, member, change())),
  );
  return [...inner, ...(Array.isArray(held) ? listPlaces(held, other) : objectPlaces(held, other))];
}

const listPlaces = (held, other) => [() => [...held, other], () => held.slice(0, -1), () => [...held].reverse()];

const objectPlaces = (held, other) => [
  () => ({ ...held, unheard_of: other }),
  ...Object.keys(held).map(
    (member) => () => Object.fromEntries(Object.entries(held).filter(([each]) => each !== member)),
  ),
];

function replaced(held, member, inner) {
  if (Array.isArray(held)) return held.map((each, index) => (String(index) === member ? inner : each));
  return Object.fromEntries(Object.entries(held).map(([each, value_]) => [each, each === member ? inner : value_]));
}

const decoded = (asked) => {
  try {
    return key(asked);
  } catch {
    return null; // A change may make the request one that is refused.
  }
};

/** What the model is told, in a form of its own: kinds are marked, keys sorted, and what makes no difference is gone. */
const IDLE = ["user", "metadata", "store", "safety_identifier", "prompt_cache_key", "service_tier"];
const idleIn = (asked) => (asked.tools ? IDLE : [...IDLE, "parallel_tool_calls"]);
const without = (held, names) =>
  Object.fromEntries(Object.entries(held).filter(([member, inner]) => inner !== null && !names.includes(member)));

function marked(held) {
  if (Array.isArray(held)) return { list: held.map(marked) };
  if (held === null || typeof held !== "object") return { [typeof held]: String(held === 0 ? 0 : held) };
  return {
    object: Object.keys(held)
      .sort()
      .map((member) => [member, marked(held[member])]),
  };
}

/** Messages whose tool calls' ids are replaced by their turn: clients may make them up. */
function withoutIds(messages) {
  const turns = [];
  const turn = (id) => {
    if (typeof id !== "string") return id;
    if (!turns.includes(id)) turns.push(id);
    return `turn ${turns.indexOf(id)}`;
  };
  return messages.map((each) => {
    const kept = without(each, ["id", "createdAt", "name_id"]);
    if (Array.isArray(kept.tool_calls)) kept.tool_calls = kept.tool_calls.map((call) => ({ ...call, id: turn(call.id) }));
    if ("tool_call_id" in kept) kept.tool_call_id = turn(kept.tool_call_id);
    return kept;
  });
}

const told = (asked) => {
  const messages = withoutIds(asked.messages);
  return JSON.stringify(marked({ ...without(asked, idleIn(asked)), model: asked.model ?? "m", messages }));
};

property(
  "a change in any one place that the model is told of makes a difference",
  [body, value, fc.nat()],
  (asked, other, turn) => {
    const changes = places(asked, other);
    const changed = changes[turn % changes.length]();
    const [before, after] = [decoded(asked), decoded(changed)];
    if (before === null || after === null) return;
    assert.equal(before === after, told(asked) === told(changed), JSON.stringify(changed));
  },
);

property(
  "tenant and model are part of the key, whatever they are called",
  [body, jsText, jsText],
  (asked, one, two) => {
    fc.pre(one !== two);
    assert.notEqual(key(asked, one), key(asked, two));
    assert.notEqual(key({ ...asked, model: "m" }), key({ ...asked, model: "lone" }));
  },
);
