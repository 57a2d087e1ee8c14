/**
 * What tokens cost. Prices are `{input, output, cached_input: number|null}`, US dollars a million tokens.
 */
const MILLION = 1_000_000;

/** Money is counted in whole billionths of a dollar, so that sums are exact. */
export const UNITS_A_DOLLAR = 1_000_000_000;

/** How many units one of what a rule or a budget counts is: requests and tokens are whole by themselves. */
export const unitsEach = ({ of }) => (of === "usd" ? UNITS_A_DOLLAR : 1);

/**
 * US dollars of one call by its usage, in OpenAI's shape.
 * @param {{prompt_tokens?: number, completion_tokens?: number, prompt_tokens_details?: {cached_tokens?: number}}} usage
 * @param {{input: number, output: number, cached_input: number|null}} price
 */
export function costOf(usage, { input, output, cached_input: cachedInput }) {
  const { prompt_tokens: prompt = 0, completion_tokens: completion = 0, prompt_tokens_details: details } = usage;
  const cached = Math.min(prompt, details?.cached_tokens ?? 0);
  return ((prompt - cached) * input + cached * (cachedInput ?? input) + completion * output) / MILLION;
}
