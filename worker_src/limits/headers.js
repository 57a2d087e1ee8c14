/**
 * What callers are told of their limits: `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers) for
 * each rule that applies, and OpenAI's `x-ratelimit-*` of the tightest rule of requests and of tokens.
 */
const UNIT = { requests: "", tokens: `;qu="tokens"`, usd: `;qu="microusd"` };

/** Headers count money in millionths of a dollar. */
const NANO_IN_MICRO = 1_000;

/** @param {Array<{name: string, of: string, most: number, window: number, remaining: number, reset: number}>} rules */
export function limitHeaders(rules) {
  const shown = rules.map((rule) => ({ ...rule, most: inHeader(rule, rule.most), remaining: inHeader(rule, rule.remaining) }));
  return {
    ratelimit: shown.map(({ name, remaining, reset }) => `"${name}";r=${remaining};t=${Math.ceil(reset / 1000)}`).join(", "),
    "ratelimit-policy": shown.map(({ name, of, most, window }) => `"${name}";q=${most};w=${window / 1000}${UNIT[of]}`).join(", "),
    ...tightest(shown, "requests"),
    ...tightest(shown, "tokens"),
  };
}

const inHeader = ({ of }, amount) => (of === "usd" ? Math.floor(amount / NANO_IN_MICRO) : amount);

function tightest(rules, unit) {
  const [rule] = rules.filter(({ of }) => of === unit).sort((one, other) => one.remaining - other.remaining);
  if (!rule) return {};
  return {
    [`x-ratelimit-limit-${unit}`]: String(rule.most),
    [`x-ratelimit-remaining-${unit}`]: String(rule.remaining),
    [`x-ratelimit-reset-${unit}`]: `${Math.ceil(rule.reset / 1000)}s`,
  };
}
