import { EdgeError } from "../errors.js";
import { AMOUNTS, LATENCIES } from "./schema.js";
import { GROUPS, MOST_ROWS, queries } from "./sql.js";

/** How long the SQL API may take, milliseconds. */
const PATIENCE_MS = 10_000;

const DAY = 86_400;
const MOST_DAYS = 92;
const INTERVALS = { "1m": 60, "5m": 300, "15m": 900, "1h": 3_600, "6h": 21_600, "1d": DAY };
const MOST_GROUPS = 3;
const MOST_STEPS = 1_500;
const ISO = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/;
const PARAMETERS = new Set(["from", "to", "interval", "group_by", "format"]);

const SUMMED = Object.keys(AMOUNTS).filter((name) => name !== "sample_interval");

/**
 * `GET /v1/usage`: what the caller's tenant used, read from Analytics Engine's SQL API with the stack's token.
 * @returns {{routes: object[], pages: {usage: Function}}}
 */
export function reports(config) {
  return {
    routes: [{ name: "usage", scope: "usage", endpoint: "/v1/usage", methods: ["GET"] }],
    pages: { usage: (context) => report(context, config.usage.dataset) },
  };
}

async function report({ env, caller, url }, dataset) {
  const asked = parsed(url.searchParams);
  const query = { dataset, tenant: caller.tenant, ...asked };
  const rows = queries(query);
  const all = queries({ ...query, step: null, groups: [] });
  const [amounts, latencies, total, slowness] = await Promise.all([rows.amounts, rows.latencies, all.amounts, all.latencies].map((sql) => answer(env, sql, dataset)));
  const by = [...(asked.step ? ["start"] : []), ...asked.groups];
  const nameOf = (row) => JSON.stringify(by.map((name) => String(row[name])));
  const times = new Map(latencies.map((row) => [nameOf(row), row]));
  const data = amounts.map((row) => ({ ...keysOf(row, by), ...figures(row, times.get(nameOf(row))) }));
  if (asked.format === "csv") return csv(by, data);
  return Response.json({
    object: "usage",
    from: asked.from,
    to: asked.to,
    interval: asked.interval,
    group_by: asked.groups,
    sample_interval: Number(total[0]?.sample_interval ?? 1) || 1,
    truncated: amounts.length === MOST_ROWS,
    data,
    total: figures(total[0] ?? {}, slowness[0]),
  }, { headers: { "cache-control": "no-store" } });
}

function parsed(query) {
  for (const name of query.keys()) if (!PARAMETERS.has(name)) throw wrong(name, `is not known here; use ${[...PARAMETERS].join(", ")}`);
  const to = moment(query, "to") ?? Math.ceil(Date.now() / 1000);
  const from = moment(query, "from") ?? to - DAY;
  if (from >= to) throw wrong("from", "must be before 'to'");
  if (to - from > MOST_DAYS * DAY) throw wrong("from", `must be at most ${MOST_DAYS} days before 'to'`);
  const interval = word(query, "interval", ["none", ...Object.keys(INTERVALS)]) ?? "none";
  const step = INTERVALS[interval] ?? null;
  if (step && (to - from) / step > MOST_STEPS) throw wrong("interval", `is too short for this time: at most ${MOST_STEPS} of them`);
  const given = query.get("group_by");
  const groups = given ? given.split(",") : [];
  for (const name of groups) if (!GROUPS.includes(name)) throw wrong("group_by", `must be of ${GROUPS.join(", ")}`);
  if (groups.length > MOST_GROUPS || new Set(groups).size < groups.length) throw wrong("group_by", `must name at most ${MOST_GROUPS}, each once`);
  return { from, to, interval, step, groups, format: word(query, "format", ["json", "csv"]) ?? "json" };
}

const wrong = (param, rule) => new EdgeError("invalid_request", `'${param.slice(0, 64)}' ${rule}.`, { param: param.slice(0, 64) });

function word(query, name, words) {
  const given = query.get(name);
  if (given !== null && !words.includes(given)) throw wrong(name, `must be one of ${words.join(", ")}`);
  return given;
}

/** A time as seconds since the epoch or as ISO 8601. */
function moment(query, name) {
  const given = query.get(name);
  if (given === null) return null;
  const seconds = /^\d{1,11}$/.test(given) ? Number(given) : Math.floor(Date.parse(isDate(given) ? given : "") / 1000);
  if (!Number.isFinite(seconds)) throw wrong(name, "must be seconds since 1970 or a time such as 2027-01-31T00:00:00Z");
  return seconds;
}

/** Days that no month has are taken for others by `Date.parse`. */
function isDate(given) {
  if (!ISO.test(given)) return false;
  const [year, month, day] = given.slice(0, 10).split("-").map(Number);
  return new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day;
}

/** The rows of a query. */
async function answer(env, sql, dataset) {
  let response;
  try {
    response = await fetch(`${env.API_URL}/accounts/${env.ACCOUNT_ID}/analytics_engine/sql`, {
      method: "POST",
      headers: { authorization: `Bearer ${env.USAGE_TOKEN}` },
      body: sql,
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (response.ok) return (await response.json()).data;
  } catch (thrown) {
    if (thrown?.name === "TimeoutError") throw new EdgeError("usage_timeout", "Analytics Engine did not answer in time; ask for less, or try again.");
    console.warn("usage was not read", thrown?.name);
    throw unavailable("did not answer");
  }
  const told = (await response.text()).slice(0, 300);
  if (response.status === 422 && told.includes(dataset)) return []; // its first point makes the dataset; all else is known to be there
  console.warn("usage was not read", response.status, told);
  if (response.status === 429) throw unavailable("has too much to do", { "retry-after": "10" });
  throw unavailable([401, 403].includes(response.status) ? "refuses the token of this stack" : "refused the query");
}

const unavailable = (why, headers = {}) => new EdgeError("usage_unavailable", `Analytics Engine ${why}.`, { headers });

const keysOf = (row, by) => Object.fromEntries(by.map((name) => [name, name === "start" ? Number(row.start) : row[name]]));

/** Numbers come as numbers or as text. Rates are parts of all requests; latencies are those of answers. */
function figures(row, times = {}) {
  const amounts = Object.fromEntries(SUMMED.map((name) => [name, Number(row[name] ?? 0)]));
  const rate = (name) => (amounts.requests ? amounts[name] / amounts.requests : 0);
  return {
    ...amounts,
    hit_rate: rate("hits"),
    fallback_rate: rate("fallbacks"),
    error_rate: rate("failed"),
    ...Object.fromEntries(Object.keys(LATENCIES).map((name) => [name, amounts.ok && times[name] !== undefined ? Number(times[name]) : null])),
  };
}

function csv(by, data) {
  const columns = [...by, ...SUMMED, "hit_rate", "fallback_rate", "error_rate", ...Object.keys(LATENCIES)];
  const lines = [columns, ...data.map((row) => columns.map((name) => row[name]))];
  const body = lines.map((line) => line.map(cell).join(",")).join("\r\n");
  return new Response(`${body}\r\n`, { headers: { "content-type": "text/csv; charset=utf-8", "cache-control": "no-store", "content-disposition": 'attachment; filename="usage.csv"' } });
}

/** A cell; what a spreadsheet would take for a formula is text. */
function cell(value) {
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
