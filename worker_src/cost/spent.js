import { tokensOf } from "../protocols/chat.js";
import { nameOf } from "../upstream/call.js";

/**
 * The upstream calls of a request that used something, in their order: `{target, usage, estimated, price}`. `usage` is null
 * where a call answered and did not tell it. A model whose caller left before its first word has read the prompt all the same.
 * @param {{chat: object, facts: {calls: object[]}}} context
 */
export function spent({ chat, facts }) {
  const prices = pricesOf(chat);
  const used = facts.calls.filter(({ began, outcome }) => began || outcome === "left");
  return used.map(({ target, began, usage, estimated }) => ({
    target,
    usage: began ? usage : { prompt_tokens: tokensOf(chat.messages), completion_tokens: 0 },
    estimated: estimated || !began,
    price: prices.get(target),
  }));
}

/** Prices of a request's targets by their names. */
export const pricesOf = ({ targets }) => new Map(targets.map((target) => [nameOf(target), target.price]));
