/**
 * What makes two chat requests the same: a canonical text. Tenant, model, messages, settings, tools and format are in
 * it; the order of JSON keys, absent or null settings, and what clients make up for themselves are not.
 */
const IGNORED = new Set(["user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key"]);
const MADE_UP = new Set(["id", "createdAt", "name_id"]);

/** Settings that a request may write out although they are what happens without them. */
const DEFAULTS = { n: 1, temperature: undefined, tool_choice: "auto", stop: undefined, logprobs: false };

/** A message without its clients' ids; tool calls keep who answers whom, by their order. */
function plain(message, ids) {
  const kept = Object.fromEntries(Object.entries(message).filter(([key, value]) => value !== null && !MADE_UP.has(key)));
  if (Array.isArray(kept.tool_calls)) kept.tool_calls = kept.tool_calls.map((call) => ({ ...call, id: ordinal(call.id, ids) }));
  if ("tool_call_id" in kept) kept.tool_call_id = ordinal(kept.tool_call_id, ids);
  return kept;
}

function ordinal(id, ids) {
  if (typeof id !== "string") return id;
  if (!ids.has(id)) ids.set(id, ids.size);
  return ids.get(id);
}

/** JSON with sorted keys. Nulls stay: within a schema they mean something. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value ?? null);
  const members = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
  return `{${members.join(",")}}`;
}

/** Whether a setting may change the answer. */
function matters(key, value, settings) {
  if (value === null || IGNORED.has(key)) return false;
  if (key === "parallel_tool_calls") return Boolean(settings.tools);
  return !(key in DEFAULTS) || value !== DEFAULTS[key];
}

/** The canonical text of a request of one tenant, to the targets that its model has now. */
export function canonicalRequest(tenant, chat) {
  const settings = Object.fromEntries(Object.entries(chat.settings).filter(([key, value]) => matters(key, value, chat.settings)));
  const ids = new Map();
  const messages = chat.messages.map((message) => plain(message, ids));
  const targets = chat.targets.map(({ upstream, model }) => `${upstream}/${model}`);
  const task = chat.texts ? "embeddings" : undefined;
  return canonical({ v: 1, tenant, model: chat.model, targets, messages, settings, task });
}
