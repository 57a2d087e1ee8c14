import { sha256 } from "../crypto/bytes.js";
import { EdgeError } from "../errors.js";
import { Collector } from "../protocols/collector.js";
import { Lines } from "./lines.js";
import { ROUTES, pages } from "./pages.js";
import { Remote, directoryOf, keptChat } from "./remote.js";

/**
 * Conversations: a chat request that names one is answered by the conversation's object, which knows what was said
 * before and keeps what is said now; the rest of the pipeline runs there.
 * @param {object} config
 * @param {{protocols: object, relay: Function|undefined}} serving how its answers are written
 * @returns {{routes: object[], pages: Function, turn: Function}} the routes under /v1/conversations, and the two steps
 */
export function sessions(config, serving) {
  return { routes: ROUTES, pages: pages(serving), turn: turns(config) };
}

const ID = /^[A-Za-z0-9._:-]{1,128}$/;
const KEY = /^[\x21-\x7e]{1,255}$/;
const PASSED = ["cache-control", "x-edge-deadline-ms"];
const OVERLAPS = ["queue", "reject", "latest"];
const LEAVINGS = ["keep", "cancel"];

function turns(config) {
  return async (context, next) => {
    const id = idOf(context);
    if (id === null) return next();
    const turn = await turnOf(context, id, config.sessions);
    return new Turn(context, id, turn).outcome();
  };
}

function idOf({ request, chat }) {
  const given = request.headers.get("x-conversation-id") ?? chat.conversation;
  if (given === null) return null;
  if (!ID.test(given)) throw wrong("conversation", "must be 1 to 128 of the characters A-Z a-z 0-9 . _ : -");
  for (const name of ["logprobs", "n"]) {
    if (chat.settings[name] && chat.settings[name] !== 1) throw new EdgeError("unsupported_parameter", `'${name}' is not for conversations.`, { param: name });
  }
  return given;
}

const wrong = (param, rule) => new EdgeError("invalid_request", `'${param}' ${rule}.`, { param });

/** A header that is one of a few words, the stack's word where there is none. */
function chosen(headers, name, words, usual) {
  const given = headers.get(name) ?? usual;
  if (!words.includes(given)) throw wrong(name, `must be one of ${words.join(", ")}`);
  return given;
}

async function turnOf({ request, chat, caller, body, url }, id, settings) {
  const { headers } = request;
  const key = headers.get("idempotency-key");
  if (key !== null && !KEY.test(key)) throw wrong("Idempotency-Key", "must be 1 to 255 visible characters");
  const { targets: _, ...asked } = chat;
  return {
    id: `run_${crypto.randomUUID().replaceAll("-", "")}`,
    key,
    digest: key === null ? null : await sha256(`${url.pathname}\n${body}`),
    chat: asked,
    caller,
    overlap: chosen(headers, "x-edge-overlap", OVERLAPS, settings.overlap),
    leaving: chosen(headers, "x-edge-on-disconnect", LEAVINGS, settings.on_disconnect),
    headers: PASSED.filter((name) => headers.has(name)).map((name) => [name, headers.get(name)]),
    reader: crypto.randomUUID(),
    listed: { id, directory: directoryOf(caller.tenant) },
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
    const lines = await this.#begun();
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
    Object.assign(facts, head.facts, { conversation: this.#id, run, previous });
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
