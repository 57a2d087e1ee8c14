import { UNITS_A_DOLLAR, costOf, unitsEach } from "../cost/price.js";
import { pricesOf, spent } from "../cost/spent.js";
import { extrasOf, tokensOf } from "../protocols/chat.js";

/** A rule's bound in whole units. */
export const unitsOf = (rule) => Math.round(rule.at_most * unitsEach(rule));

const NOTHING = Object.freeze({ requests: 0, tokens: 0, usd: 0 });
const bytes = new TextEncoder();

/**
 * The most that a request may use. Its tokens are estimated as everywhere; for money a prompt has as many tokens as it
 * has bytes, which is more than any tokenizer makes of it.
 */
export function reserved(chat) {
  const { messages, settings, targets, texts } = chat;
  const extras = extrasOf(chat);
  // Vectors are no output, whatever a request for them says of one.
  const output = texts ? 0 : Math.max(settings.max_tokens ?? 0, settings.max_completion_tokens ?? 0) * (settings.n ?? 1);
  const usage = { prompt_tokens: bytes.encode(JSON.stringify([messages, extras])).length, completion_tokens: output };
  const costs = targets.map(({ price }) => (price ? costOf({ ...usage }, { ...price, cached_input: null }) : 0));
  return { requests: 1, tokens: tokensOf([...messages, ...extras]) + output, usd: Math.ceil(Math.max(...costs) * UNITS_A_DOLLAR) };
}

/**
 * What a request has used, now that it is over.
 * @param {{chat: object, facts: object}} context
 * @param {{prompt_tokens: number}|null} told usage of an answer that the cache gave
 * @param {{tokens: number, usd: number}} most what was reserved: what a call used that did not tell it
 */
export function used(context, told, most) {
  const { chat, facts } = context;
  const parts = spent(context).map(({ usage, price }) => amountOf(usage, price, most));
  if (["HIT", "COALESCED"].includes(facts.cache)) parts.push(amountOf(told ?? unheard(chat), pricesOf(chat).get(facts.target), most));
  if (!parts.length) return NOTHING;
  const sum = (unit) => parts.reduce((total, part) => total + part[unit], 0);
  return { requests: 1, tokens: sum("tokens"), usd: sum("usd") };
}

/** What one pays who has left a call that others share before its usage was told: the prompt. */
const unheard = ({ messages }) => ({ prompt_tokens: tokensOf(messages), completion_tokens: 0 });

function amountOf(usage, price, most) {
  if (!usage) return most;
  const { prompt_tokens: prompt = 0, completion_tokens: completion = 0 } = usage;
  return { tokens: Math.ceil(prompt + completion), usd: price ? Math.round(costOf(usage, price) * UNITS_A_DOLLAR) : 0 };
}
