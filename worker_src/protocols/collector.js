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
      else if (event.type === "vectors") this.#vectors(event);
      else if (event.type === "finish") this.#finish(event);
      else if (event.type === "usage") answer.usage = event.usage;
    }
  }

  #call({ index, id, name, arguments: text }) {
    const call = (this.#answer.tool_calls[index] ??= { id, type: "function", function: { name, arguments: "" } });
    call.function.arguments += text ?? "";
  }

  #vectors({ vectors }) {
    this.#answer.vectors = vectors;
    this.size += JSON.stringify(vectors).length;
  }

  #finish({ reason, edge }) {
    this.#answer.finish_reason = reason;
    if (edge) this.#answer.edge = edge;
  }

  /** The answer; null until its finish has come. */
  get answer() {
    return this.#answer.finish_reason === null ? null : this.soFar;
  }

  /** What there is of it. */
  get soFar() {
    const { content, reasoning, tool_calls: calls } = this.#answer;
    const made = calls.filter(Boolean); // a model may leave out a place
    return { ...this.#answer, tool_calls: made, content: made.length ? content || null : content, reasoning: reasoning || null };
  }
}
