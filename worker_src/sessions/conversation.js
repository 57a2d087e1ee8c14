import { newFacts } from "../context.js";
import { EdgeError, asEdgeError, errorResponse } from "../errors.js";
import { Directory } from "./directory.js";
import { entriesOf } from "./history.js";
import { follow } from "./log.js";
import { prompted } from "./prompt.js";
import { askObject, plainOf } from "./remote.js";
import { Run } from "./run.js";
import { Store } from "./store.js";

/** While a run goes on the object is woken so often, so that it is not put away in the middle of it. */
const AWAKE_MS = 20_000;

/** So many turns may wait for the one that runs. */
const MOST_QUEUED = 32;

/**
 * The Durable Object class `Conversation`: one object a conversation of one tenant, and one a tenant that lists them.
 * `answer(context)` is the rest of the pipeline, from the limits to the model; `sockets` lets it have WebSockets, `goesOn` refuses a turn
 * that cannot go on from the run it names, `summarise` have summaries of what no longer fits, `relisted` have front ends that hold the talk
 * themselves; `lost` is told of a turn that never comes to its end there. Requests come from the Worker only, which has authorised them; what
 * they ask is in sessions/remote.js.
 */
export function conversation(config, answer, { sockets, goesOn, summarise, relisted, lost }) {
  const ask = prompted(config, answer, { summarise, relisted });

  return class Conversation {
    #store;
    #directory;
    #env;
    #alarm;
    #afterwards;
    #runs = new Map();
    #active = null;
    #sockets = null;
    /** Settles when the conversation has been deleted, null while nobody deletes it. */
    #deleting = null;
    #heard = Promise.resolve();

    constructor(state, env) {
      this.#store = new Store(state.storage);
      this.#directory = new Directory(state.storage);
      this.#alarm = (at) => state.storage.setAlarm(at);
      this.#afterwards = (promise) => state.waitUntil(promise);
      this.#env = env;
      if (this.#store.exists) this.#recover();
      const own = { store: this.#store, runs: this.#runs, take: (turn) => this.#runOf(turn) };
      if (sockets) this.#sockets = new sockets.Sockets(state, config, own);
    }

    /** Runs that were going on when the object was lost have ended with it. */
    #recover() {
      for (const { id, facts, turn, created } of this.#store.open()) {
        const error = new EdgeError("run_interrupted", "The run was interrupted; what is there of it is true, but not whole.");
        if (turn) this.#count({ id, facts, turn, created }, error);
        this.#store.end(id, { status: "interrupted", events: [{ type: "error", error: plainOf(error) }], message: null, facts, now: Date.now() });
      }
    }

    /** Has what there is of a lost run counted; the first event made its calls known, of which the open one had begun. */
    #count({ id, facts, turn, created }, error) {
      const messages = [...this.#store.told().map(({ message }) => message), ...this.#store.messagesOf(id)];
      const context = this.#contextOf(id, { ...turn, chat: { ...turn.chat, messages } });
      const calls = (facts?.calls ?? []).map((call) => (call.outcome === null ? { ...call, outcome: "lost", began: true } : call));
      lost?.({ ...context, started: created, facts: { ...context.facts, ...facts, calls } }, error, this.#store.eventsOf(id));
    }

    async fetch(request) {
      const [, kind, name, verb] = new URL(request.url).pathname.split("/");
      try {
        if (kind === "socket") return this.#sockets.accept(request);
        const asked = await request.json();
        if (kind === "directory") return Response.json(this.#directory[name](asked));
        if (kind === "turns") return await this.#turn(asked);
        if (kind === "tickets") return await this.#sockets.issue(asked);
        if (!this.#store.exists) throw missing();
        if (kind === "stop") return await this.#stop(asked);
        return await (kind === "conversation" ? this.#whole(asked) : this.#ofRun(name, verb, asked));
      } catch (thrown) {
        return errorResponse(asEdgeError(thrown));
      }
    }

    webSocketMessage(ws, data) {
      return this.#sockets?.message(ws, data);
    }

    webSocketClose(ws, code) {
      this.#sockets?.gone(ws, code);
    }

    webSocketError(ws) {
      this.#sockets?.gone(ws);
    }

    async alarm() {
      this.#sockets?.forgetTickets();
      if (!this.#store.exists) return void (await this.#store.clear());
      const now = Date.now();
      if (!this.#runs.size && this.#store.fact("touched") + config.sessions.retention_seconds * 1000 <= now) return void (await this.#delete());
      this.#store.forgetEvents(now - config.sessions.replay_seconds * 1000);
      await this.#schedule();
    }

    /** Sets the alarm for what is due next. */
    #schedule() {
      const { retention_seconds: retention, replay_seconds: replay } = config.sessions;
      const { oldestReplay } = this.#store;
      const due = [this.#store.fact("touched") + retention * 1000];
      if (oldestReplay !== null) due.push(oldestReplay + replay * 1000);
      if (this.#runs.size) due.push(Date.now() + AWAKE_MS);
      return this.#alarm(Math.min(...due));
    }

    /** Takes a turn in and answers with its log as it grows. */
    async #turn(turn) {
      return this.#follow(await this.#runOf(turn), { after: 0, reader: turn.reader, hurry: false });
    }

    /** The id of a turn's run: a new one's, or of the one that it repeats. */
    async #runOf(turn) {
      while (this.#deleting) await this.#deleting; // a turn that comes now begins anew
      const known = this.#store.exists ? this.#repeated(turn) : null;
      return known?.run ?? (await this.#take(turn, known?.previous ?? null));
    }

    /** The run of a turn that was sent before with the same key; or the one that failed and is tried again. */
    #repeated({ key, digest }) {
      const run = this.#store.runOfKey(key);
      if (!run) return null;
      if (run.digest !== digest) throw new EdgeError("idempotency_key_reused", "This Idempotency-Key was used with another request.", { param: "Idempotency-Key" });
      return ["failed", "interrupted"].includes(run.status) ? { previous: run.id } : { run: run.id };
    }

    async #take(turn, previous) {
      const { id, key, digest, chat, overlap } = turn;
      goesOn?.(this.#store, chat.onward?.follows);
      if (this.#active && overlap === "reject") throw busy("A turn of this conversation is going on.");
      if (this.#runs.size > MOST_QUEUED) throw busy("Too many turns of this conversation are waiting.");
      const now = Date.now();
      this.#store.make(now);
      this.#store.begin({ id, key, digest, asked: askedOf(chat), turn: keptOf(turn), previous }, entriesOf(chat), now);
      const run = new Run(id, this.#store, () => this.#sockets?.wake());
      this.#runs.set(id, run);
      this.#sockets?.join(run);
      const scheduled = this.#schedule();
      run.gone = scheduled.then(() => this.#carryOut(run, turn));
      await scheduled;
      return id;
    }

    /** Waits for its place, and runs; one that is stopped while it waits ends at once. */
    async #carryOut(run, turn) {
      if (turn.overlap === "latest") for (const other of this.#runs.values()) if (other !== run) other.stop("A later turn has taken its place.");
      while (this.#active && !run.stopped) await Promise.race([this.#active.ended, run.halted]);
      if (!run.stopped) this.#active = run;
      await this.#list(turn.listed);
      const status = await run.carryOut(() => this.#ask(run, turn));
      if (status === "dropped") lost?.(this.#contextOf(run.id, turn), new EdgeError("run_stopped", "The run was stopped before it began."), []);
      if (this.#active === run) this.#active = null;
      this.#runs.delete(run.id);
      await this.#list(turn.listed);
      // It was refused, and whoever asked knows no other turn of it: a new answer's conversation, or a page's thread.
      if ((turn.begins || turn.chat.turn) && !this.#runs.size && !this.#store.messages().length) return void (await this.#delete());
      await this.#schedule();
    }

    #ask(run, turn) {
      this.#store.start(run.id);
      const { signal } = run;
      const context = this.#contextOf(run.id, turn, { signal, waitUntil: (promise) => run.besides(promise) });
      return { context, outcome: ask(this.#store, run.id, context) };
    }

    /** The record of a turn, as the steps that answer know it. */
    #contextOf(run, { chat, caller, headers, seen, listed }, { signal, waitUntil } = {}) {
      return {
        id: seen?.id ?? run,
        started: seen?.started ?? Date.now(),
        env: this.#env,
        config,
        chat: { ...chat, targets: config.models[chat.model]?.targets ?? [] },
        caller,
        conversation: listed.id,
        signal,
        drill: null,
        url: seen?.url ? new URL(seen.url) : undefined,
        request: { headers: new Headers(headers), signal, cf: seen?.cf },
        waitUntil,
        afterwards: this.#afterwards,
        facts: newFacts(),
      };
    }

    async #whole({ deleting }) {
      if (deleting) {
        await this.#delete();
        return Response.json({});
      }
      return Response.json({
        created: this.#store.fact("created"),
        touched: this.#store.fact("touched"),
        expires: this.#store.fact("touched") + config.sessions.retention_seconds * 1000,
        messages: this.#store.messages(),
        summary: this.#store.fact("summary"),
        runs: this.#store.runs().map((each) => this.#shown(each)),
      });
    }

    #shown({ asked, digest: _, key: __, turn: ___, replayable, ...run }) {
      return { ...run, model: asked.model, client: asked.run?.runId ?? null, replayable, ...this.#store.span(run.id) };
    }

    /** Stops the run that a client calls so, or all that there are; settles when they are over. */
    async #stop({ client }) {
      const going = [...this.#runs.values()].filter(({ id, over }) => !over && (client === null || this.#store.run(id).asked.run?.runId === client));
      for (const run of going) run.stop("The run was stopped.");
      await Promise.all(going.map(({ ended }) => ended));
      return Response.json({ stopped: going.map(({ id }) => id) });
    }

    async #delete() {
      this.#deleting ??= this.#deleted().finally(() => {
        this.#deleting = null;
      });
      await this.#deleting;
    }

    async #deleted() {
      const runs = [...this.#runs.values()];
      for (const run of runs) run.stop("The conversation was deleted.");
      await Promise.allSettled(runs.map(({ gone }) => gone));
      const listed = this.#store.fact("listed");
      await this.#store.clear();
      this.#sockets?.close();
      if (listed) await this.#tell(listed.directory, "forget", { id: listed.id });
    }

    /** Tells the tenant's directory; what it misses it learns at the next turn. */
    async #list(entry) {
      try {
        this.#store.keep("listed", entry);
        const { id, agent } = entry;
        await this.#tell(entry.directory, "note", { id, agent, created: this.#store.fact("created"), touched: this.#store.fact("touched") });
      } catch (thrown) {
        console.warn("the directory did not hear of a conversation", thrown?.name);
      }
    }

    /** One after the other, so that the directory hears last what was last. */
    #tell(directory, verb, body) {
      const tell = () => askObject(this.#env, directory, `directory/${verb}`, { body });
      this.#heard = this.#heard.then(tell, tell);
      return this.#heard;
    }

    #ofRun(id, verb, { after, reader }) {
      const known = this.#store.run(id);
      if (!known) throw missing();
      if (verb === "events") return this.#follow(id, { after, reader, hurry: true });
      const run = this.#runs.get(id);
      if (verb === "stop") run?.stop("The run was stopped.");
      if (verb === "leave") run?.leave(reader);
      return Response.json(this.#shown(this.#store.run(id)));
    }

    #follow(id, how) {
      return follow({ store: this.#store, id, run: this.#runs.get(id), ...how });
    }
  };
}

const missing = () => new EdgeError("not_found", "There is no such conversation or run.");
const busy = (message) => new EdgeError("conversation_busy", message, { headers: { "retry-after": "1" } });

/** What a replay must know of a request to give the same bytes again. */
const askedOf = ({ model, requested, include_usage: usage, stream, run, told }) => ({ model, requested, include_usage: usage, stream, run, told });

/** What the count of a turn must know of it, if the object is lost before its end. */
const keptOf = ({ chat: { model, protocol, stream, settings }, caller, seen, listed, headers }) => ({
  chat: { model, protocol, stream, settings: { user: settings.user, safety_identifier: settings.safety_identifier } },
  caller,
  seen,
  listed,
  headers: headers.filter(([name]) => name === "traceparent"),
});
