import { AMOUNTS, ANSWERED, COLUMNS, LATENCIES } from "./schema.js";

/** What a report may be grouped by. */
export const GROUPS = ["model", "key", "user", "protocol", "cache", "target", "upstream", "outcome", "error", "country", "version", "version_id"];

/** More rows than this are cut off, and said to be. */
export const MOST_ROWS = 10_000;

/** An expression with the columns of the names in it. */
const filled = (expression) => expression.replace(/\{(\w+)\}/g, (_, name) => COLUMNS[name]);

const named = (expressions) => Object.entries(expressions).map(([name, expression]) => `${filled(expression)} AS ${name}`);

/**
 * Queries of a report; all that varies in them is numbers, names from the list above, and the tenant.
 * @param {{dataset: string, tenant: string, from: number, to: number, step: number|null, groups: string[]}} asked times in
 *   seconds since the epoch
 * @returns {{amounts: string, latencies: string}}
 */
export function queries({ dataset, tenant, from, to, step, groups }) {
  const keys = [...(step ? [`intDiv(toUInt32(timestamp), ${step}) * ${step} AS start`] : []), ...groups.map((name) => `${COLUMNS[name]} AS ${name}`)];
  const by = [...(step ? ["start"] : []), ...groups].join(", ");
  const own = `index1 = ${text(tenant)} AND timestamp >= toDateTime(${from}) AND timestamp < toDateTime(${to})`;
  const query = (values, where) =>
    `SELECT ${[...keys, ...named(values)].join(", ")} FROM ${dataset} WHERE ${where}${by && ` GROUP BY ${by} ORDER BY ${by}`} LIMIT ${MOST_ROWS}`;
  return { amounts: query(AMOUNTS, own), latencies: query(LATENCIES, `${own} AND ${filled(ANSWERED)}`) };
}

/** A tenant's name has letters, digits and `._-`; quoted all the same. */
const text = (value) => `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
