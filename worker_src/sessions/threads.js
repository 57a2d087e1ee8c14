import { isConversationId } from "../protocols/chat.js";
import { Lines } from "./lines.js";
import { Remote, keptChat } from "./remote.js";

/** A caller's conversations, for front ends whose protocols have threads. */
export class Threads {
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
    const shown = ({ told, run, status }) => told || (run === last && status !== "replaced");
    return { messages: messages.filter(active?.status === "queued" && active.client !== null ? ({ run }) => run === active.id : shown), active, created, touched };
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
