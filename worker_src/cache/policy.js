/** What a request asks of the cache: `{read, write, maxAge}`; maxAge in seconds, null for any age. */
export function directives(header) {
  if (header === null) return { read: true, write: true, maxAge: null };
  const asked = new Set();
  let maxAge = null;
  for (const part of header.toLowerCase().split(",")) {
    const [name, value] = part.trim().split("=");
    asked.add(name);
    if (name === "max-age" && /^\d+$/.test(value ?? "")) maxAge = Number(value);
  }
  const store = !asked.has("no-store");
  return { read: store && !asked.has("no-cache") && maxAge !== 0, write: store, maxAge };
}

/** Whether a request can be answered from the cache at all: one plain answer, no drill, no tools unless configured. */
export function cacheable({ settings }, drill, { tool_calls: tools }) {
  const plain = !settings.functions && !settings.logprobs && (settings.n ?? 1) === 1;
  return plain && !drill && (tools || !settings.tools?.length);
}

/** Whether an answer may be kept: whole, ended by itself, of one target; text or vectors, or tool calls if configured. */
export function storable(answer, { tool_calls: tools }) {
  if (answer.refusal || answer.choices || answer.edge) return false;
  if (answer.tool_calls?.length) return tools && answer.finish_reason === "tool_calls";
  return answer.finish_reason === "stop" && Boolean(answer.content || answer.vectors);
}
