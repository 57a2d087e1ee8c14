// Drives the real OpenAI client's responses and completions: a scenario a line as JSON on stdin, what it saw as JSON on stdout.
// Scenario: {url, key, how: a name of WAYS, ask}.
import { createInterface } from "node:readline";

import OpenAI from "openai";

async function play({ url, key, how, ask }) {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
  const seen = { types: [], text: "" };
  try {
    const answer = await WAYS[how](client, ask, seen);
    return { ...seen, answer };
  } catch (thrown) {
    const { status, code, param, message } = thrown;
    return { ...seen, failure: { name: thrown.constructor.name, status: status ?? null, code: code ?? null, param: param ?? null, message } };
  }
}

async function watched(events, seen, last) {
  for await (const event of events) {
    seen.types.push(event.type);
    if (event.type === "response.output_text.delta") seen.text += event.delta;
  }
  return last();
}

const WAYS = {
  create: (client, ask) => client.responses.create(ask),
  retrieve: (client, ask) => client.responses.retrieve(ask),
  stream: (client, ask, seen) => {
    const stream = client.responses.stream(ask);
    return watched(stream, seen, () => stream.finalResponse());
  },
  raw: async (client, ask, seen) => watched(await client.responses.create({ ...ask, stream: true }), seen, () => null),
  complete: (client, ask) => client.completions.create(ask),
  complete_stream: async (client, ask, seen) => {
    const chunks = [];
    for await (const chunk of await client.completions.create({ ...ask, stream: true })) {
      seen.text += chunk.choices[0]?.text ?? "";
      chunks.push(chunk);
    }
    return chunks;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await play(JSON.parse(line)))}\n`);
}
