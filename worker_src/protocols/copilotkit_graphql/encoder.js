/** What comes after so much silence: a part that changes nothing (milliseconds). */
const QUIET_MS = 15_000;

const FIELD = "generateCopilotResponse";
const DELIMITER = "\r\n---";
const SUCCESS = { code: "Success", __typename: "SuccessMessageStatus" };
const DONE = { code: "Success", __typename: "SuccessResponseStatus" };

/** Headers of a stream: parts between lines of `---`, each read when the line after it has come. */
export const MULTIPART = { "content-type": 'multipart/mixed; boundary="-"', "cache-control": "no-cache, no-transform" };

const part = (value) => `\r\nContent-Type: application/json; charset=utf-8\r\n\r\n${JSON.stringify(value)}${DELIMITER}`;
const quietly = (write) => ({ after: QUIET_MS, get text() { return write(); } });
const newId = (kind) => `${kind}_${crypto.randomUUID().replaceAll("-", "")}`;
const text = (id, content) => ({ __typename: "TextMessageOutput", id, createdAt: new Date().toISOString(), content, role: "assistant", parentMessageId: null });
const action = (name, pieces, parent) =>
  ({ __typename: "ActionExecutionMessageOutput", id: newId("call"), createdAt: new Date().toISOString(), name, arguments: pieces, parentMessageId: parent });
const response = ({ run }, messages, more = {}) => ({ ...run, extensions: null, messages, metaEvents: [], ...more, __typename: "CopilotResponse" });

/** How a response that failed says so: the one reason whose description CopilotKit 1.10 shows. */
const failed = ({ message, code }) =>
  ({ code: "Failed", __typename: "FailedResponseStatus", reason: "UNKNOWN_ERROR", details: { description: message, code } });

/** A whole answer in one piece; ids are fresh, also for a cached one. */
export function encodeAnswer({ content, refusal, tool_calls: calls = [] }, chat) {
  const said = content || refusal;
  const id = newId("msg");
  const messages = [...(said ? [text(id, [said])] : []), ...calls.map((call) => action(call.function.name, [call.function.arguments], id))];
  return { data: { [FIELD]: response(chat, messages.map((message) => ({ ...message, status: SUCCESS })), { status: DONE }) } };
}

/** An encoder of one stream: incremental delivery as urql reads it; every id is new, and all statuses come with the last part. */
export const encoder = (chat) => new Encoder(chat);

class Encoder {
  #chat;
  #id = newId("msg");
  #begun = false;
  #failed = false;
  /** Place of a message in the response -> how many pieces it has. */
  #pieces = [];
  #text = null;
  #calls = new Map();

  constructor(chat) {
    this.#chat = chat;
  }

  /** What breaks a silence, written when it is needed: it belongs to a response. */
  quiet = quietly(() => this.#begin() + part({ hasNext: true }));

  encode(event) {
    if (this.#failed) return "";
    if (event.type === "error") return this.#fail(event.error);
    const change = this.#change(event);
    return change ? this.#begin() + part({ incremental: [change], hasNext: true }) : this.#begin();
  }

  /** The last part; none after a failure. */
  get end() {
    if (this.#failed) return "";
    const statuses = this.#pieces.map((_, place) => ({ data: { status: SUCCESS }, path: [FIELD, "messages", place] }));
    return this.#begin() + this.#last([...statuses, { data: { status: DONE }, path: [FIELD] }]);
  }

  #begin() {
    if (this.#begun) return "";
    this.#begun = true;
    return DELIMITER + part({ data: { [FIELD]: response(this.#chat, []) }, hasNext: true });
  }

  #fail(error) {
    const begun = this.#begin();
    this.#failed = true;
    return begun + this.#last([{ data: { status: failed(error) }, path: [FIELD] }]);
  }

  #last(incremental) {
    return `${part({ incremental, hasNext: false })}--\r\n`;
  }

  #change(event) {
    if (event.type === "delta" || event.type === "refusal") return event.text ? this.#said(event.text) : null;
    return event.type === "tool_call" ? this.#called(event) : null;
  }

  #said(piece) {
    if (this.#text !== null) return this.#more(this.#text, "content", piece);
    this.#text = this.#pieces.length;
    return this.#first(text(this.#id, [piece]), 1);
  }

  #called({ index, name, arguments: piece }) {
    if (this.#calls.has(index)) return piece ? this.#more(this.#calls.get(index), "arguments", piece) : null;
    this.#calls.set(index, this.#pieces.length);
    return this.#first(action(name, piece ? [piece] : [], this.#id), piece ? 1 : 0);
  }

  #first(message, pieces) {
    this.#pieces.push(pieces);
    return { items: [message], path: [FIELD, "messages", this.#pieces.length - 1] };
  }

  #more(place, list, piece) {
    this.#pieces[place] += 1;
    return { items: [piece], path: [FIELD, "messages", place, list, this.#pieces[place] - 1] };
  }
}
