// Drives one of the real AG-UI clients: `node ag_ui.mjs <package>`, a scenario a line as JSON on stdin, what it saw as JSON on stdout.
// Scenario: {url, key, threadId, context?, state?, tools?, forwardedProps?, turns: [{say} | {result}], leaveAfter?}, `result` answers every open call.
import { createInterface } from "node:readline";

const { HttpAgent } = await import(process.argv[2]);

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await play(JSON.parse(line)))}\n`);
}

async function play({ url, key, threadId, turns, state = {}, leaveAfter = null, ...input }) {
  const agent = new HttpAgent({ url, threadId, initialState: state, headers: { authorization: `Bearer ${key}` } });
  const runs = [];
  for (const [place, turn] of turns.entries()) {
    for (const message of told(agent, turn, place)) agent.messages.push(message);
    runs.push(await run(agent, { runId: `${threadId}-${place}`, ...input }, leaveAfter));
  }
  return { runs, messages: agent.messages, state: agent.state };
}

async function run(agent, input, leaveAfter) {
  const seen = { events: [], failure: null, runError: null };
  const subscriber = {
    onEvent: ({ event }) => {
      seen.events.push(event);
      if (seen.events.length === leaveAfter) agent.abortRun();
    },
    onRunErrorEvent: ({ event }) => {
      seen.runError = { message: event.message, code: event.code };
    },
  };
  try {
    await agent.runAgent(input, subscriber);
  } catch (thrown) {
    seen.failure = { name: thrown.name, message: thrown.message, status: thrown.status ?? null, payload: thrown.payload ?? null };
  }
  return seen;
}

function told(agent, { say, result }, place) {
  if (say) return [{ id: `user-${place}`, role: "user", content: say }];
  const calls = agent.messages.at(-1).toolCalls ?? [];
  return calls.map(({ id }) => ({ id: `tool-${id}`, role: "tool", toolCallId: id, content: result }));
}
