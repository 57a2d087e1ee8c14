import { chatRequest } from "../chat.js";

/** OpenAI chat completions: decodes a body, encodes a neutral answer or neutral events. */
export const openai = {
  routes: [{ name: "chat", scope: "chat", endpoint: "/v1/chat/completions", methods: ["POST"] }],
  decode: chatRequest,
  encodeAnswer,
  encoder,
};

const DONE = "data: [DONE]\n\n";

/** Who the answer is: a new one, unless it is one that was kept (`chat.kept`). */
function identity({ requested: model, kept }) {
  const { id = crypto.randomUUID().replaceAll("-", ""), created = Date.now() } = kept ?? {};
  return { id: `chatcmpl-${id}`, created: Math.floor(created / 1000), model };
}

/** A whole answer as `chat.completion`; ids are fresh, also for a cached one. */
function encodeAnswer(answer, chat) {
  const { id, created, model } = identity(chat);
  const message = { role: "assistant", content: answer.content, refusal: answer.refusal ?? null };
  if (answer.reasoning) message.reasoning_content = answer.reasoning;
  if (answer.tool_calls?.length) message.tool_calls = answer.tool_calls;
  const choices = answer.choices ?? [{ index: 0, message, logprobs: null, finish_reason: answer.finish_reason }];
  const body = { id, object: "chat.completion", created, model, choices };
  if (answer.usage) body.usage = answer.usage;
  if (answer.edge) body.edge = answer.edge;
  return body;
}

/**
 * An encoder of one stream: `encode(event)` gives the frames of a neutral event as text, "" for none. Every chunk
 * has the same id; the role is in the first; with include_usage every other chunk carries `"usage": null`.
 */
function encoder(chat) {
  const { id, created, model } = identity(chat);
  const head = `data: {"id":${JSON.stringify(id)},"object":"chat.completion.chunk","created":${created},"model":${JSON.stringify(model)},"choices":[`;
  const tail = chat.include_usage ? `],"usage":null}\n\n` : `]}\n\n`;
  let started = chat.kept?.started ?? false;
  const chunk = (delta, finish = null, end = tail, logprobs = null) => {
    const first = started ? "" : `${head}{"index":0,"delta":{"role":"assistant","content":${delta.tool_calls ? "null" : '""'}},"logprobs":null,"finish_reason":null}${tail}`;
    started = true;
    return `${first}${head}{"index":0,"delta":${JSON.stringify(delta)},"logprobs":${JSON.stringify(logprobs)},"finish_reason":${JSON.stringify(finish)}}${end}`;
  };
  const switched = (edge) => `],"edge":${JSON.stringify(edge)}${tail.slice(1)}`;
  const frames = {
    delta: (event) => chunk({ content: event.text }, null, tail, event.logprobs),
    reasoning: (event) => chunk({ reasoning_content: event.text }),
    refusal: (event) => chunk({ refusal: event.text }),
    tool_call: (event) => chunk({ tool_calls: [toolDelta(event)] }),
    finish: (event) => chunk({}, event.reason, event.edge ? switched(event.edge) : tail),
    usage: (event) => (chat.include_usage ? `${head}],"usage":${JSON.stringify(event.usage)}}\n\n` : ""),
    error: (event) => `data: ${JSON.stringify(event.error.body)}\n\n`,
  };
  return { encode: (event) => numbered(frames[event.type](event), event.seq), end: DONE };
}

/** Frames of an event that has a number, as the `id` of the last: who has that one has all. */
function numbered(text, seq) {
  if (seq === undefined || text === "") return text;
  const last = text.lastIndexOf("\n\ndata: ") + 2;
  return last > 1 ? `${text.slice(0, last)}id: ${seq}\n${text.slice(last)}` : `id: ${seq}\n${text}`;
}

function toolDelta({ index, id, name, arguments: text }) {
  const call = { index };
  if (id) Object.assign(call, { id, type: "function" });
  call.function = { ...(name ? { name } : {}), arguments: text ?? "" };
  return call;
}
