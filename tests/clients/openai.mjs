// Drives the official OpenAI client of Node: a scenario a line as JSON on stdin, what it saw as JSON on stdout.
// Scenario: {url, key, how, asked}; `asked` is the request.
import { createInterface } from "node:readline";

import OpenAI from "openai";

async function play({ url, key, how, asked }) {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
  try {
    return await WAYS[how](client, asked);
  } catch (thrown) {
    return { failure: { name: thrown.constructor.name, status: thrown.status ?? null, code: thrown.code ?? null, param: thrown.param ?? null } };
  }
}

const WAYS = {
  create: (client, asked) => client.chat.completions.create(asked),
  parse: (client, asked) => client.chat.completions.parse(asked),
  stream: (client, asked) => client.chat.completions.stream(asked).finalChatCompletion(),
  embed: (client, asked) => client.embeddings.create(asked),
};

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await play(JSON.parse(line)))}\n`);
}
