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

/** Whether an answer may be kept: whole, ended by itself, of one target; text, or tool calls if configured. */
export function storable(answer, { tool_calls: tools }) {
  if (answer.refusal || answer.choices || answer.edge) return false;
  if (answer.tool_calls?.length) return tools && answer.finish_reason === "tool_calls";
  return answer.finish_reason === "stop" && Boolean(answer.content);
}

/** Puts events together into an answer. */
export class Collector {
  #answer = { content: "", reasoning: "", tool_calls: [], finish_reason: null, usage: null, refusal: null };

  /** Characters so far, for a bound on what is kept. */
  size = 0;

  add(events) {
    const answer = this.#answer;
    for (const event of events) {
      this.size += (event.text ?? event.arguments ?? "").length;
      if (event.type === "delta") answer.content += event.text;
      else if (event.type === "reasoning") answer.reasoning += event.text;
      else if (event.type === "refusal") answer.refusal = (answer.refusal ?? "") + event.text;
      else if (event.type === "tool_call") this.#call(event);
      else if (event.type === "finish") this.#finish(event);
      else if (event.type === "usage") answer.usage = event.usage;
    }
  }

  #call({ index, id, name, arguments: text }) {
    const call = (this.#answer.tool_calls[index] ??= { id, type: "function", function: { name, arguments: "" } });
    call.function.arguments += text ?? "";
  }

  #finish({ reason, edge }) {
    this.#answer.finish_reason = reason;
    if (edge) this.#answer.edge = edge;
  }

  /** The answer; null until its finish has come. */
  get answer() {
    const { content, reasoning, tool_calls: calls, finish_reason: reason } = this.#answer;
    if (reason === null) return null;
    const made = calls.filter(Boolean); // a model may leave out a place
    return { ...this.#answer, tool_calls: made, content: made.length ? content || null : content, reasoning: reasoning || null };
  }
}
