import { tokensOf } from "../protocols/chat.js";
import { nameOf } from "../upstream/call.js";

/**
 * The upstream calls of a request that used something, in their order: `{call, target, usage, estimated, price}`. `usage` is null
 * where a call answered and did not tell it. A model whose caller left before its first word has read the prompt all the same.
 * @param {{chat: object, facts: {calls: object[]}}} context
 */
export function spent({ chat, facts }) {
  const prices = pricesOf(chat);
  const used = facts.calls.filter(({ began, outcome }) => began || outcome === "left");
  return used.map((call) => ({
    call,
    target: call.target,
    usage: call.began ? call.usage : { prompt_tokens: tokensOf(chat.messages), completion_tokens: 0 },
    estimated: call.estimated || !call.began,
    price: prices.get(call.target),
  }));
}

/** Prices of a request's targets by their names. */
export const pricesOf = ({ targets }) => new Map(targets.map((target) => [nameOf(target), target.price]));
