import { EdgeError } from "../errors.js";
import { wrong } from "../protocols/checks.js";
import { Collector } from "../protocols/collector.js";
import { listed } from "../streaming/lists.js";
import { deadline } from "../upstream/deadline.js";
import { Lines } from "./lines.js";
import { ROUTES, pages } from "./pages.js";
import { Remote, keptChat } from "./remote.js";
import { LEAVINGS, OVERLAPS, chosen, idOf, newId, turnOf } from "./turn.js";

/**
 * Conversations: a chat request that names one is answered by the conversation's object, which knows what was said
 * before and keeps what is said now; the rest of the pipeline runs there.
 * @param {object} config
 * @param {{protocols: object, relay: Function|undefined, sockets: object|undefined, kept: object|undefined}} serving how its answers are written
 * @returns {{routes: object[], pages: Function, turn: Function}} the routes under /v1/conversations and those of kept answers, and the two steps
 */
export function sessions(config, { sockets, kept, ...serving }) {
  const routes = [...ROUTES, ...(sockets?.routes ?? []), ...(kept?.routes ?? [])];
  return { routes, pages: pages({ ...serving, more: { ...sockets?.pages, ...kept?.pages } }), turn: turns(config) };
}

const PASSED = ["cache-control", "traceparent", "x-edge-deadline-ms"];

function turns(config) {
  return async (context, next) => {
    const { chat, request } = context;
    const given = chat.turn ? chat.conversation : (request.headers.get("x-conversation-id") ?? chat.conversation);
    if (given === null && !chat.store) return next();
    if (chat.texts) throw new EdgeError("unsupported_parameter", "Embeddings are no turn of a conversation.", { param: "conversation" });
    if (chat.store === false) throw wrong("store", "must not be false for a turn of a conversation, which keeps what is said");
    const id = given === null ? await newId(request.headers.get("idempotency-key")) : idOf(given);
    chat.conversation = id;
    deadline(context, Infinity); // what is wrong with it is told before there is a run
    return new Turn(context, id, await turnOf(chat, context.caller, askedFor(context, id, config.sessions))).outcome();
  };
}

function askedFor({ chat, request: { headers, cf }, body, url, id: request, started }, id, settings) {
  return {
    id,
    key: headers.get("idempotency-key"),
    keyed: "Idempotency-Key",
    asked: `${url.pathname}\n${body}`,
    overlap: chosen("x-edge-overlap", headers.get("x-edge-overlap"), OVERLAPS, settings.overlap),
    leaving: chosen("x-edge-on-disconnect", headers.get("x-edge-on-disconnect"), LEAVINGS, chat.turn?.leaving ?? settings.on_disconnect),
    headers: PASSED.filter((name) => headers.has(name)).map((name) => [name, headers.get(name)]),
    seen: { id: request, started, url: `${url.origin}${url.pathname}`, cf: { country: cf?.country, colo: cf?.colo } },
  };
}

/** One turn as its caller sees it. */
class Turn {
  #context;
  #remote;
  #id;
  #turn;
  #run;

  constructor(context, id, turn) {
    this.#context = context;
    this.#remote = new Remote(context);
    this.#id = id;
    this.#turn = turn;
    this.#run = turn.id;
  }

  async outcome() {
    const { request, chat } = this.#context;
    const leave = () => this.#leave();
    request.signal?.addEventListener("abort", leave);
    let lines;
    try {
      lines = await this.#begun();
    } catch (thrown) {
      // To a front end that can stop its run this is an end like another.
      if (chat.turn && thrown.code === "run_stopped") return { events: listed([{ type: "error", error: thrown }]) };
      throw thrown;
    }
    if (chat.stream) return { events: { next: () => lines.next(), return: () => this.#away(lines) } };
    const collector = new Collector();
    for (let part = await lines.next(); !part.done; part = await lines.next()) collector.add(whole(part.value));
    return { answer: collector.answer };
  }

  /** The log of the run, once it has something to tell. */
  async #begun() {
    try {
      const lines = new Lines(await this.#remote.ask(this.#id, "turns", { body: this.#turn }));
      const head = await lines.head();
      this.#note(head);
      return lines;
    } catch (thrown) {
      if (thrown.head) this.#note(thrown.head);
      throw thrown;
    }
  }

  #note(head) {
    const { facts, chat } = this.#context;
    const { run, previous } = head;
    this.#run = run;
    const repeated = run !== this.#turn.id;
    Object.assign(facts, head.facts, { conversation: this.#id, run, previous, repeated });
    if (repeated) facts.headers = {}; // what was left of its limits then
    Object.assign(chat, keptChat(head));
  }

  #away(lines) {
    this.#leave();
    return lines.return();
  }

  #leave() {
    if (this.#turn.leaving === "keep") return;
    const left = this.#remote.ask(this.#id, `runs/${this.#run}/leave`, { body: { reader: this.#turn.reader } });
    this.#context.waitUntil(left.catch(() => {}));
  }
}

/** Events of a whole answer: an error among them is thrown. */
function whole(events) {
  const failed = events.find(({ type }) => type === "error");
  if (failed) throw failed.error;
  return events;
}
