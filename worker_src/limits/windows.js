/**
 * Windows as buckets of time: what is used is counted in the bucket of its moment. A fixed window is one bucket, aligned
 * with the epoch. A sliding one is made of small buckets, each of which counts until its last moment has left the window:
 * it may count what is up to one bucket too old, and never too little. All times are milliseconds.
 */
const BUCKETS = 60;

/** How wide a rule's buckets are. */
const widthOf = ({ kind, window }) => (kind === "fixed" ? window : Math.max(1, Math.ceil(window / BUCKETS)));

/** The bucket of a moment, by its beginning. */
export const bucketOf = (rule, now) => now - (now % widthOf(rule));

/** From when on a bucket does not count any more. */
export const leavesAt = (rule, bucket) => bucket + widthOf(rule) + (rule.kind === "fixed" ? 0 : rule.window);

/**
 * What a rule says of one more use.
 * @param {{kind: "fixed"|"sliding", window: number, at_most: number}} rule
 * @param {Array<{bucket: number, used: number}>} counted buckets that count, the oldest first
 * @returns {{remaining: number, reset: number, wait: number}} what is left before the use, when some of it comes back
 *   (or the window begins anew), and how long until the use fits: 0 now, Infinity never
 */
export function verdict(rule, counted, amount, now) {
  const used = counted.reduce((sum, each) => sum + each.used, 0);
  const first = counted[0]?.bucket ?? bucketOf(rule, now);
  const told = { remaining: Math.max(0, rule.at_most - used), reset: leavesAt(rule, first) - now };
  return { ...told, wait: amount > rule.at_most ? Infinity : waitFor(rule, counted, used + amount - rule.at_most, now) };
}

/** How long until `excess` of what is counted has left. */
function waitFor(rule, counted, excess, now) {
  let left = excess;
  let wait = 0;
  for (const { bucket, used } of counted) {
    if (left <= 0) break;
    left -= used;
    wait = leavesAt(rule, bucket) - now;
  }
  return wait;
}
