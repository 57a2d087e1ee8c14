/**
 * The cache key of a chat request: SHA-256 over a canonical form. Tenant, model, messages, settings, tools and format
 * are in it; the order of JSON keys, absent or null settings, and what clients make up for themselves are not.
 */
const IGNORED = new Set(["user", "metadata", "store", "service_tier", "parallel_tool_calls", "safety_identifier", "prompt_cache_key"]);
const MADE_UP = new Set(["id", "createdAt", "name_id"]);

/** Settings that a request may write out although they are what happens without them. */
const DEFAULTS = { n: 1, temperature: undefined, tool_choice: "auto", stop: undefined, logprobs: false };

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

/** The canonical text of a request of one tenant. */
export function canonicalRequest(tenant, chat) {
  const settings = Object.fromEntries(
    Object.entries(chat.settings).filter(([key, value]) => value !== null && !IGNORED.has(key) && (!(key in DEFAULTS) || value !== DEFAULTS[key])),
  );
  const messages = chat.messages.map((message) =>
    Object.fromEntries(Object.entries(message).filter(([key, value]) => value !== null && !MADE_UP.has(key))),
  );
  return canonical({ v: 1, tenant, model: chat.model, messages, settings });
}

/** Hex SHA-256 of the canonical text. */
export async function cacheKey(tenant, chat) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(canonicalRequest(tenant, chat)));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
