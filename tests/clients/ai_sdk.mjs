// Drives the Vercel AI SDK: a scenario a line as JSON on stdin, what it saw as JSON on stdout.
// Scenario: {url, key, how, model, values?, given?, schema?, structured?}; `given` is what generateText and its like are called with.
import { createInterface } from "node:readline";

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, embedMany, generateObject, generateText, isStepCount, jsonSchema, streamText, tool } from "ai";

const CITY = jsonSchema({ type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false });
const tools = { get_weather: tool({ description: "The weather in a city", inputSchema: CITY, execute: async ({ city }) => `4 degrees in ${city}` }) };

async function play({ url, key, how, model, values, given = {}, schema, structured = true }) {
  const edge = createOpenAICompatible({ name: "edge", baseURL: `${url}/v1`, apiKey: key, includeUsage: true, supportsStructuredOutputs: structured });
  try {
    return await WAYS[how]({ edge, values, model, schema, asked: { model: edge(model), maxRetries: 0, ...given } });
  } catch (thrown) {
    const cause = thrown.lastError ?? thrown;
    const { name, message, statusCode: status = null, data = null } = cause;
    return { failure: { name, message, status, data, call: APICallError.isInstance(cause) } };
  }
}

const WAYS = {
  generate: async ({ asked }) => told(await generateText(asked)),
  stream: async ({ asked }) => streamed(streamText({ ...asked, onError: () => {} })),
  call: async ({ asked }) => told(await generateText({ ...asked, tools, stopWhen: isStepCount(3) })),
  call_streamed: async ({ asked }) => streamed(streamText({ ...asked, tools, stopWhen: isStepCount(3), onError: () => {} })),
  object: async ({ asked, schema }) => {
    const { object, warnings } = await generateObject({ ...asked, schema: jsonSchema(schema) });
    return { object, warnings };
  },
  embed: async ({ edge, model, values }) => {
    const { embeddings, usage } = await embedMany({ model: edge.embeddingModel(model), values, maxRetries: 0 });
    return { embeddings, usage };
  },
  leave: async ({ asked }) => {
    const left = new AbortController();
    const { textStream } = streamText({ ...asked, abortSignal: left.signal, onError: () => {}, onAbort: () => {} });
    let pieces = 0;
    for await (const _ of textStream) if (++pieces === 2) left.abort();
    return { pieces };
  },
};

const told = ({ text, finishReason, usage, steps }) => ({ text, finishReason, usage, steps: steps.map(stepOf) });
const stepOf = ({ toolCalls, toolResults, finishReason }) => ({
  calls: toolCalls.map(({ toolName, input }) => [toolName, input]),
  results: toolResults.map(({ output }) => output),
  finishReason,
});

async function streamed(result) {
  const deltas = [];
  const errors = [];
  for await (const part of result.stream) {
    if (part.type === "text-delta") deltas.push(part.text);
    if (part.type === "error") errors.push({ name: part.error.name, status: part.error.statusCode ?? null, message: String(part.error.message ?? part.error) });
  }
  if (errors.length) return { deltas, errors };
  const [finishReason, usage, steps] = await Promise.all([result.finishReason, result.totalUsage, result.steps]);
  return { deltas, errors, finishReason, usage, steps: steps.map(stepOf) };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await play(JSON.parse(line)))}\n`);
}
