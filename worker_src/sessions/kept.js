import { EdgeError } from "../errors.js";
import { wrong } from "../protocols/checks.js";
import { Collector } from "../protocols/collector.js";
import { STREAM } from "../protocols/step.js";
import { Lines } from "./lines.js";
import { goesOn } from "./onward.js";
import { Remote, keptChat } from "./remote.js";

/** What the status of a run is called in a response. */
const STATUSES = {
  queued: "queued", running: "in_progress", completed: "completed", failed: "failed", interrupted: "failed", stopped: "cancelled", dropped: "cancelled",
};

const OPEN = ["queued", "running"];

/**
 * Answers under an id that their protocol gave them (`kept: {routes, placeOf(id), encode(answer, chat, end)}`): read again, stopped, deleted,
 * and gone on from. A feature of its own, for stacks with such a protocol.
 * @param {object[]} protocols
 * @param {Function|undefined} relay
 * @returns {{routes: object[], pages: Record<string, (context: object) => Promise<Response>>, goesOn: Function}}
 */
export function keptResponses(protocols, relay) {
  const having = protocols.filter(({ kept }) => kept);
  return { routes: having.flatMap(({ kept }) => kept.routes), pages: Object.assign({}, ...having.map((each) => pagesOf(each, relay))), goesOn };
}

function pagesOf({ kept, encoder }, relay) {
  return {
    response: (context) => {
      const found = new Kept(context, kept);
      if (context.request.method === "DELETE") return found.remove();
      return context.url.searchParams.get("stream") === "true" ? found.again(encoder, relay) : found.read();
    },
    cancel_response: (context) => new Kept(context, kept).cancel(),
  };
}

class Kept {
  #id;
  #place;
  #remote;
  #query;
  #encode;

  constructor(context, { placeOf, encode }) {
    [this.#id] = context.route.parameters;
    this.#place = placeOf(this.#id);
    if (this.#place === null) throw this.#missing();
    this.#remote = new Remote(context);
    this.#query = context.url.searchParams;
    this.#encode = encode;
  }

  #missing() {
    return new EdgeError("not_found", `Response with id '${this.#id.slice(0, 180)}' not found.`);
  }

  /** The response as it is now. */
  async read() {
    const { status } = await this.#run();
    const { lines, chat } = await this.#log();
    if (!OPEN.includes(status)) return this.#ended(lines, chat, status);
    await lines.return();
    return Response.json(this.#encode(new Collector().soFar, chat, { status: STATUSES[status] }));
  }

  /** Its events behind the one with the number `starting_after`, live to its end. */
  async again(encoder, relay) {
    if (!relay) throw new EdgeError("unsupported_parameter", "Streaming is off on this proxy.", { param: "stream" });
    const after = this.#query.get("starting_after") ?? "-1";
    if (!/^(-1|\d{1,15})$/.test(after)) throw wrong("starting_after", "must be a whole number");
    const { lines, chat } = await this.#log();
    return new Response(relay(lines, encoder(chat, Number(after))), { headers: STREAM });
  }

  /** Stops it, if it still goes on. */
  async cancel() {
    await this.#run("/stop");
    const { lines, chat } = await this.#log();
    return this.#ended(lines, chat);
  }

  /** A conversation is deleted as a whole, so its only response can be. */
  async remove() {
    const { conversation, run } = this.#place;
    const { runs } = await (await this.#remote.ask(conversation, "conversation")).json();
    if (!runs.some(({ id }) => id === run)) throw this.#missing();
    if (runs.length > 1) throw wrong("response_id", `is of a conversation that has other turns; delete it as a whole: /v1/conversations/${conversation}`);
    await this.#remote.ask(conversation, "conversation", { body: { deleting: true } });
    return Response.json({ id: this.#id, object: "response", deleted: true });
  }

  async #run(verb = "") {
    const { conversation, run } = this.#place;
    return (await this.#remote.ask(conversation, `runs/${run}${verb}`)).json();
  }

  /** The log of its run from the beginning, and what an encoder must know of it. */
  async #log() {
    const { conversation, run } = this.#place;
    const lines = new Lines(await this.#remote.ask(conversation, `runs/${run}/events`, { body: { after: 0, reader: crypto.randomUUID() } }));
    const chat = { ...keptChat(await lines.head()), conversation };
    if (chat.told) return { lines, chat };
    await lines.return(); // a turn of another protocol, which has no responses
    throw this.#missing();
  }

  /** Reads the log to its end. */
  async #ended(lines, chat, known) {
    const collector = new Collector();
    let error = null;
    for (let part = await lines.next(); !part.done; part = await lines.next()) {
      collector.add(part.value);
      error = part.value.find(({ type }) => type === "error")?.error ?? error;
    }
    const status = STATUSES[known ?? (await this.#run()).status];
    return Response.json(this.#encode(collector.soFar, chat, { status, error: status === "failed" ? error : null }));
  }
}
