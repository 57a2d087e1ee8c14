/**
 * Windows of budgets: whole hours, days and months of UTC, as people plan money. All times are milliseconds.
 */
const FIELDS = { hour: 4, day: 3, month: 2 };

/**
 * The window that a moment lies in.
 * @param {"hour"|"day"|"month"} name
 * @returns {{start: number, end: number}} `end` is the next one's start
 */
export function windowOf(name, now) {
  const at = new Date(now);
  const parts = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate(), at.getUTCHours()].slice(0, FIELDS[name]);
  const [year, month, day = 1, hour = 0] = parts;
  const next = [year, month, day, hour];
  next[FIELDS[name] - 1] += 1;
  return { start: Date.UTC(year, month, day, hour), end: Date.UTC(...next) };
}
