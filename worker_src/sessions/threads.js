import { isConversationId } from "../protocols/checks.js";
import { agreed, entriesOf, parted } from "./history.js";
import { Lines } from "./lines.js";
import { Remote, keptChat } from "./remote.js";

/**
 * Conversations of front ends that hold the talk themselves: `of` a request, what its protocol may have of them; `relisted`, in the object,
 * a turn whose messages are the talk.
 * @returns {{of: (context: object) => Threads, relisted: Function}}
 */
export const threads = () => ({ of: (context) => new Threads(context), relisted });

/**
 * What a turn adds to the talk as its client has it, where that is the truth; the talk is that from now on.
 * @param {Store} store
 * @param {string} run
 * @param {object} chat with its `turn`
 * @returns {{instructions: object[], added: object[], talk: (messages: object[]) => object[]}} `talk` gives what of messages is no instruction
 */
function relisted(store, run, chat) {
  const known = store.told();
  const entries = entriesOf(chat);
  const same = agreed(known.map(({ message }) => message), entries.map(({ message }) => message));
  store.relist(run, entries.slice(0, same).map((entry, place) => ({ ...entry, position: known[place].position })), entries.slice(same));
  store.keep("instructions", parted(chat.messages).instructions);
  const through = store.fact("summary")?.through;
  // A summary may tell of what is gone.
  if (through && known.findLastIndex((row) => row.run === through) >= same) store.keep("summary", null);
  return { instructions: chat.messages.slice(0, chat.turn.own), added: entries.slice(same).map(({ message }) => message), talk: (messages) => messages };
}

class Threads {
  #remote;

  /** @param {object} context of the request */
  constructor(context) {
    this.#remote = new Remote(context);
  }

  /**
   * A page of conversations that agents had, newest first: `{data: [{id, agent, created, touched}], more}`; of one `agent`, or of any (`""`).
   * @throws {EdgeError} invalid_request
   */
  async list(query) {
    return (await this.#remote.list(query)).json();
  }

  /**
   * The talk as it is now, null if there is none: `{messages, active, created, touched}`. `messages`: `{run, status, id, message}`, `id` the
   * client's own or null; of `active`, the run that goes on, what it was asked.
   */
  async talk(id) {
    const held = isConversationId(id) ? await this.#remote.known(id, "conversation") : null;
    if (!held) return null;
    const { messages, runs, created, touched } = await held.json();
    const begun = runs.filter(({ status }) => status !== "queued");
    const active = begun.find(({ status }) => status === "running") ?? runs.find(({ status }) => status === "queued") ?? null;
    // A failed turn is the client's to send again; until then it is what was said last.
    const last = active?.id ?? begun.at(-1)?.id;
    // A client's list is no part of the talk before its run has begun: until then the run has all of it.
    const whole = active?.status === "queued" && active.client !== null;
    return { messages: messages.filter(({ told, run }) => (told && !whole) || run === last), active, created, touched };
  }

  /** The events of a run from its first, live to its end, and what an encoder must know of it: `{chat, lines}`. */
  async follow(id, run) {
    const lines = new Lines(await this.#remote.ask(id, `runs/${run}/events`, { body: { after: 0, reader: crypto.randomUUID() } }));
    return { chat: keptChat(await lines.head()), lines };
  }

  /** Stops the run that its client calls so, or all runs; whether there was one. */
  async stop(id, client) {
    const answer = isConversationId(id) ? await this.#remote.known(id, "stop", { body: { client } }) : null;
    return answer !== null && (await answer.json()).stopped.length > 0;
  }
}
