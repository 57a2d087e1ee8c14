import { able } from "../capabilities/able.js";
import { newFacts } from "../context.js";
import { tokensOf } from "../protocols/chat.js";
import { news, parted, turnsOf, windowed } from "./history.js";

/** A model that failed to summarise is not asked again for so long, so that not every turn waits for it. */
const RESTING_MS = 300_000;

/**
 * Answers a turn with the conversation before it: `(store, run, context)` keeps what the turn adds, tells the model what of the talk fits,
 * and gives what `answer(context)` gives. `summarise` has summaries of what no longer fits, `relisted` has front ends that hold the talk
 * themselves.
 */
export function prompted(config, answer, { summarise, relisted }) {
  return async (store, run, context) => {
    const turn = context.chat.turn ? relisted(store, run, context.chat) : added(store, run, context.chat.onward);
    context.chat.messages = await told(store, turn, context);
    context.chat.targets = able(context.chat); // what was said before may hold what not every target reads
    return answer(context);
  };

  /**
   * What the model is told: the instructions, as much of the talk as fits, and the new messages. `talk` gives what of a turn's messages
   * is no instruction.
   */
  async function told(store, { instructions, added, talk }, context) {
    const turns = [...turnsOf(store.told())].map(([run, messages]) => ({ run, messages: talk(messages) }));
    const most = config.sessions.max_context_tokens;
    const budget = most === null ? Infinity : most - tokensOf([...instructions, ...added]);
    const before = await (summarise ? summarised(store, turns, budget, context) : windowed(turns.map(({ messages }) => messages), budget).messages);
    return [...instructions, ...before, ...added];
  }

  async function summarised(store, turns, budget, context) {
    const before = store.fact("summary");
    const failed = store.fact("unsummarised");
    const resting = failed !== null && Date.now() - failed < RESTING_MS;
    const { held, messages, failed: failing } = await summarise({ turns, held: before, budget, resting }, (chat) => aside(context, chat));
    if (held !== before) store.keep("summary", held);
    if (failing) store.keep("unsummarised", Date.now());
    return messages;
  }

  /** The text that a model answers to a chat of the conversation's own, on behalf of the turn's caller. */
  async function aside(context, { model: name, messages, settings }) {
    const { user, safety_identifier: person } = context.chat.settings;
    const model = name ?? context.chat.model;
    const chat = { model, requested: model, targets: config.models[model].targets, messages, stream: false, settings: { user, safety_identifier: person, ...settings } };
    const { answer: { content } } = await answer({ ...context, kind: "summary", started: Date.now(), chat, facts: newFacts() });
    if (!content) throw new Error("an answer without text");
    return content;
  }
}

/** What a turn adds to what is known; kept as its messages. */
function added(store, run, onward) {
  const known = store.told().map(({ message }) => message);
  const sent = store.messagesOf(run);
  const { instructions } = parted(sent);
  const before = store.fact("instructions") ?? [];
  const held = onward ? [...before, ...instructions] : instructions;
  const changed = instructions.length > 0 && JSON.stringify(held) !== JSON.stringify(before);
  const said = onward ? parted(sent).talk : news(known, sent);
  store.replaceMessages(run, [...(changed ? instructions : []), ...said].map((message) => ({ message })));
  if (changed) store.keep("instructions", held);
  const talk = (messages) => parted(messages).talk;
  return { instructions: [...(onward?.instructions ?? []), ...(changed ? held : before)], added: talk(said), talk };
}
