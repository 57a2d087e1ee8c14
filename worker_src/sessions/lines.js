import { EdgeError } from "../errors.js";
import { DONE } from "../streaming/lists.js";
import { thrownOf } from "./remote.js";

/** The log of a run, as its object sends it: a head, then lists of events that carry their sequence numbers. */
export class Lines {
  #reader;
  #decoder = new TextDecoder();
  #rest = "";

  /** @param {Response} response lines of JSON */
  constructor(response) {
    this.#reader = response.body.getReader();
  }

  async head() {
    const lines = await this.#read();
    const [head, ...rows] = lines ?? [];
    if (!head) throw lost();
    this.#rest = [...rows, this.#rest].join("\n");
    return JSON.parse(head);
  }

  async next() {
    const lines = await this.#read();
    return lines === null ? DONE : { done: false, value: lines.flatMap(eventsOf) };
  }

  async return() {
    await this.#reader.cancel().catch(() => {});
    return DONE;
  }

  /** The lines that are there, once there is one; null at the end. */
  async #read() {
    for (;;) {
      const lines = this.#rest.split("\n");
      this.#rest = lines.pop();
      if (lines.length) return lines;
      const { done, value } = await this.#reader.read().catch(() => { throw lost(); });
      if (done && this.#rest) throw lost();
      if (done) return null;
      this.#rest += this.#decoder.decode(value, { stream: true });
    }
  }
}

const lost = () => new EdgeError("run_interrupted", "The connection to the conversation was lost; its run can be read again.");

function eventsOf(line) {
  const { seq, events } = JSON.parse(line);
  events.forEach((event, place) => {
    event.seq = seq - events.length + 1 + place;
    if (event.type === "error") event.error = thrownOf(event.error);
  });
  return events;
}
