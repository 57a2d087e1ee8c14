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
