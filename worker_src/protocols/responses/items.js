/**
 * The items of a response while they grow. Each gives the events of its growth as `[type, fields]`: `opened`, `add(...)`, `close(status)`;
 * `item` is what there is of it.
 */
class Item {
  status = "in_progress";

  constructor(prefix, stem, place) {
    this.id = `${prefix}_${stem}_${place}`;
    this.place = place;
  }

  /** Where an event of it belongs. */
  get at() {
    return { item_id: this.id, output_index: this.place };
  }

  get begun() {
    return ["response.output_item.added", { output_index: this.place, item: this.item }];
  }

  ended(status) {
    this.status = status;
    return ["response.output_item.done", { output_index: this.place, item: this.item }];
  }
}

/** What a model thought, as its summary: the one form that every client shows. */
export class Reasoning extends Item {
  #text = "";
  #told = false;

  constructor(stem, place) {
    super("rs", stem, place);
  }

  get at() {
    return { ...super.at, summary_index: 0 };
  }

  get item() {
    return { id: this.id, type: "reasoning", summary: this.#told ? [this.#part] : [] };
  }

  get #part() {
    return { type: "summary_text", text: this.#text };
  }

  get opened() {
    const { begun } = this;
    this.#told = true;
    return [begun, ["response.reasoning_summary_part.added", { ...this.at, part: this.#part }]];
  }

  add({ text: delta }) {
    this.#text += delta;
    return [["response.reasoning_summary_text.delta", { ...this.at, delta }]];
  }

  close(status) {
    return [
      ["response.reasoning_summary_text.done", { ...this.at, text: this.#text }],
      ["response.reasoning_summary_part.done", { ...this.at, part: this.#part }],
      this.ended(status),
    ];
  }
}

/** What differs between the two kinds of parts that a message has: `part` of a text, the names of its events, the field of the whole. */
const PARTS = {
  delta: { part: (text) => ({ type: "output_text", annotations: [], logprobs: [], text }), name: "output_text", whole: "text", more: { logprobs: [] } },
  refusal: { part: (refusal) => ({ type: "refusal", refusal }), name: "refusal", whole: "refusal", more: {} },
};

/** What a model said: parts of text, or of refusal. */
export class Message extends Item {
  #parts = [];

  constructor(stem, place) {
    super("msg", stem, place);
  }

  get at() {
    return { ...super.at, content_index: this.#parts.length - 1 };
  }

  get item() {
    return { id: this.id, type: "message", role: "assistant", status: this.status, content: this.#parts.map(({ kind, text }) => PARTS[kind].part(text)) };
  }

  get opened() {
    return [this.begun];
  }

  add({ type: kind, text: delta }) {
    const begun = this.#parts.at(-1)?.kind === kind ? [] : [...this.#ended(), ...this.#begun(kind)];
    this.#parts.at(-1).text += delta;
    const { name, more } = PARTS[kind];
    return delta === "" ? begun : [...begun, [`response.${name}.delta`, { ...this.at, delta, ...more }]];
  }

  #begun(kind) {
    this.#parts.push({ kind, text: "" });
    return [["response.content_part.added", { ...this.at, part: PARTS[kind].part("") }]];
  }

  #ended() {
    if (!this.#parts.length) return [];
    const { kind, text } = this.#parts.at(-1);
    const { name, part, whole, more } = PARTS[kind];
    return [
      [`response.${name}.done`, { ...this.at, [whole]: text, ...more }],
      ["response.content_part.done", { ...this.at, part: part(text) }],
    ];
  }

  close(status) {
    return [...this.#ended(), this.ended(status)];
  }
}

/** A function that the caller is to call. */
export class Call extends Item {
  #text = "";
  #named;

  constructor(stem, place, { id, name }) {
    super("fc", stem, place);
    this.#named = { call_id: id, name };
  }

  get item() {
    return { id: this.id, type: "function_call", status: this.status, ...this.#named, arguments: this.#text };
  }

  get opened() {
    return [this.begun];
  }

  add({ arguments: delta }) {
    if (!delta) return [];
    this.#text += delta;
    return [["response.function_call_arguments.delta", { ...this.at, delta }]];
  }

  close(status) {
    return [["response.function_call_arguments.done", { ...this.at, arguments: this.#text, name: this.#named.name }], this.ended(status)];
  }
}
