// Drives the real Anthropic client: a scenario a line as JSON on stdin, what it saw as JSON on stdout.
// Scenario: {url, key, how: "create" | "stream" | "run", ask, result?}; `result` is what every tool of `run` gives.
import { createInterface } from "node:readline";

import Anthropic from "@anthropic-ai/sdk";

async function play({ url, key, how, ask, result }) {
  const client = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
  const seen = { text: "", blocks: [] };
  try {
    const message = await WAYS[how](client, ask, seen, result);
    return { ...seen, message, requestId: message._request_id ?? null };
  } catch (thrown) {
    const { status = null, type = null, requestID: requestId = null } = thrown;
    return { ...seen, failure: { name: thrown.constructor.name, status, type, requestId } };
  }
}

const WAYS = {
  create: (client, ask) => client.messages.create(ask),
  stream: (client, ask, seen) => {
    const stream = client.messages.stream(ask);
    stream.on("text", (delta) => {
      seen.text += delta;
    });
    stream.on("contentBlock", (block) => seen.blocks.push(block));
    return stream.finalMessage();
  },
  run: (client, { tools, ...ask }, seen, result) => {
    const runnable = tools.map((tool) => ({ ...tool, parse: (input) => input, run: (input) => `${result} ${JSON.stringify(input)}` }));
    return client.beta.messages.toolRunner({ ...ask, tools: runnable });
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await play(JSON.parse(line)))}\n`);
}
