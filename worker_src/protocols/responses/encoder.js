import { endOf, identity, responseOf } from "./answer.js";
import { Output } from "./output.js";

/** An encoder of one stream. The same events give the same frames each time, with the same numbers; those up to `after` are left out. */
export const encoder = (chat, after = -1) => new Encoder(chat, after);

class Encoder {
  #chat;
  #who;
  #output;
  #after;
  #number = 0;
  #started = false;
  #failed = false;
  #finish = null;
  #usage = null;
  #edge;

  constructor(chat, after) {
    this.#chat = chat;
    this.#after = after;
    this.#who = identity(chat);
    this.#output = new Output(this.#who.stem);
  }

  encode(event) {
    if (this.#failed) return "";
    if (event.type === "finish") [this.#finish, this.#edge] = [event.reason, event.edge];
    if (event.type === "usage") this.#usage = event.usage;
    const begun = this.#begun();
    return begun + (event.type === "error" ? this.#failure(event.error) : this.#frames(this.#output.take(event)));
  }

  /** The last frames; none after a failure. */
  get end() {
    if (this.#failed) return "";
    const status = endOf(this.#finish);
    const left = this.#begun() + this.#frames(this.#output.close(status));
    return left + this.#frame([`response.${status}`, this.#response(status, { finish: this.#finish, usage: this.#usage, edge: this.#edge })]);
  }

  #begun() {
    if (this.#started) return "";
    this.#started = true;
    return this.#frames(["response.created", "response.in_progress"].map((type) => [type, this.#response("in_progress")]));
  }

  /** Accumulators want the response that failed, and SDKs throw at an error, in its own form or in that of other endpoints. */
  #failure(error) {
    this.#failed = true;
    this.#output.cut();
    const { code, message, param } = error;
    const failed = this.#response("failed", { error, usage: this.#usage });
    return this.#frames([["response.failed", failed], ["error", { code, message, param, ...error.body }]]);
  }

  #response(status, more = {}) {
    return { response: responseOf(this.#who, this.#chat, { status, output: this.#output.items, ...more }) };
  }

  #frames(events) {
    return events.map((event) => this.#frame(event)).join("");
  }

  #frame([type, fields]) {
    const number = this.#number;
    this.#number += 1;
    if (number <= this.#after) return "";
    return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: number, ...fields })}\n\n`;
  }
}
