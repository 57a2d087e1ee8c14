import { tokensOf } from "../protocols/chat.js";

const INSTRUCTING = new Set(["system", "developer"]);

/** Messages in two: those that instruct, and the talk. */
export function parted(messages) {
  const instructs = ({ role }) => INSTRUCTING.has(role);
  return { instructions: messages.filter(instructs), talk: messages.filter((message) => !instructs(message)) };
}

/**
 * What a turn's messages add. Many clients send the whole talk each time: where it begins with all that is known, only
 * what follows is new. Others send just the new message.
 */
export function news(known, sent) {
  const { talk } = parted(sent);
  const before = parted(known).talk;
  const whole = before.length > 0 && talk.length > before.length && before.every((message, place) => same(message, talk[place]));
  return whole ? talk.slice(before.length) : talk;
}

/**
 * How many of the known messages a list begins with that a client holds to be the whole talk. What it does not have is gone for it: edited,
 * answered anew, or cut where a run was stopped.
 */
export function agreed(known, sent) {
  const parting = known.findIndex((message, place) => place >= sent.length || !same(message, sent[place]));
  return parting < 0 ? known.length : parting;
}

/** A turn's messages as they are kept, `{message, id}`: without those that are the stack's own. */
export function entriesOf({ messages, turn }) {
  const own = turn?.own ?? 0;
  return messages.slice(own).map((message, place) => ({ message, id: turn?.ids[place] ?? null }));
}

/** Ids of calls are made up; who said what is not. */
const same = (left, right) => left.role === right.role && plain(left) === plain(right);
const plain = ({ content, tool_calls: calls }) => JSON.stringify([text(content), (calls ?? []).map((call) => call.function ?? null)]);
const text = (content) => (Array.isArray(content) && content.every(({ type }) => type === "text") ? content.map((part) => part.text).join("") : (content ?? ""));

/**
 * What fits into `budget` tokens of the turns before: the newest, whole turns only.
 * @param {object[][]} turns messages of each turn
 * @returns {{messages: object[], dropped: number}} `dropped`: how many of the oldest turns are left out
 */
export function windowed(turns, budget) {
  let left = budget;
  let dropped = turns.length;
  while (dropped > 0) {
    left -= tokensOf(turns[dropped - 1]);
    if (left < 0) break;
    dropped -= 1;
  }
  return { messages: turns.slice(dropped).flat(), dropped };
}

/** Rows `{run, message}` grouped by run. */
export function turnsOf(rows) {
  const turns = new Map();
  for (const { run, message } of rows) {
    if (!turns.has(run)) turns.set(run, []);
    turns.get(run).push(message);
  }
  return turns;
}
