import { EdgeError, asEdgeError, checkScope } from "../errors.js";
import { jsonObject } from "../protocols/body.js";
import { chatRequest } from "../protocols/chat.js";
import { wrong } from "../protocols/checks.js";
import { Tickets } from "./tickets.js";
import { LEAVINGS, OVERLAPS, chosen, turnOf } from "./turn.js";

/** So many sockets one conversation may have. */
const MOST_SOCKETS = 4_096;

/** How far a socket may be ahead of what its client has acknowledged: events, and characters of frames. */
const MOST_EVENTS = 1_024;
const MOST_AHEAD = 262_144;

/** Rows that are read from the log at once. */
const MOST_ROWS = 64;

/** A client that goes on sending what is wrong is no client. */
const MOST_WRONG = 32;

/** So often a socket may be sent again what it was sent before; who has lost more opens a new one. */
const MOST_AGAIN = 64;

const NORMAL = 1000;
const POLICY_VIOLATED = 1008;
const TOO_BIG = 1009;

/**
 * The sockets of one conversation, the object's side. A socket is a reader of the conversation's log from a cursor of
 * its own: what it gets are the events as they were written down, with their numbers, of whatever run. Nothing waits in
 * memory for a slow one: at the end of its window it is told so, and reads on from the log when it has acknowledged more.
 * They hibernate: all that is known of one is in its attachment. docs/reference/socket.md has the frames.
 */
export class Sockets {
  #state;
  #config;
  #conversation;
  #tickets;
  #readers = new Map();

  /**
   * @param {DurableObjectState} state
   * @param {object} config
   * @param {{store: Store, runs: Map<string, Run>, take: (turn: object) => Promise<string>}} conversation `take` gives
   *   the id of the run
   */
  constructor(state, config, conversation) {
    this.#state = state;
    this.#config = config;
    this.#conversation = conversation;
    this.#tickets = new Tickets(state.storage);
    state.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  /** Whether any is open. */
  get any() {
    return this.#state.getWebSockets().length > 0;
  }

  /** Keeps a ticket; it is gone with the alarm at the latest. */
  async issue(asked) {
    const expires = this.#tickets.issue(asked, Date.now());
    if (!this.#conversation.store.exists) await this.#state.storage.setAlarm(expires);
    return Response.json({ expires });
  }

  forgetTickets() {
    this.#tickets.forget(Date.now());
  }

  /**
   * Opens a socket.
   * @throws {EdgeError} invalid_api_key, conversation_busy
   */
  accept({ headers }) {
    const ticket = headers.get("ticket");
    const caller = ticket === null ? JSON.parse(headers.get("caller")) : this.#tickets.take(ticket, Date.now());
    if (!caller) throw new EdgeError("invalid_api_key", "This ticket was used before, has expired, or is for another conversation.");
    if (this.#state.getWebSockets().length >= MOST_SOCKETS) throw new EdgeError("conversation_busy", "This conversation has too many sockets.");
    const { 0: client, 1: server } = new WebSocketPair();
    this.#state.acceptWebSocket(server);
    server.serializeAttachment({ name: crypto.randomUUID(), conversation: headers.get("conversation"), caller, cursor: null, sent: 0, acked: 0, again: 0, run: null, told: false, mine: [] });
    return new Response(null, { status: 101, webSocket: client });
  }

  /** A frame of a client's. */
  async message(ws, data) {
    const reader = this.#readerOf(ws);
    if (data.length > this.#config.limits.max_body_bytes) return ws.close(TOO_BIG, "The frame is too large.");
    let frame = {};
    try {
      if (typeof data !== "string") throw new EdgeError("invalid_json", "Frames are text.");
      frame = jsonObject(data);
      if (frame.id !== undefined && !isId(frame.id)) throw wrong("id", "must be a string of up to 128 characters");
      await this.#obey(ws, reader, frame);
    } catch (thrown) {
      reader.wrong += 1;
      this.#send(ws, { type: "error", ...(isId(frame.id) ? { id: frame.id } : {}), ...plain(asEdgeError(thrown)) });
      if (reader.wrong >= MOST_WRONG) ws.close(POLICY_VIOLATED, "Too many frames were wrong.");
    }
    return undefined;
  }

  async #obey(ws, reader, { type, ...frame }) {
    if (type === "start") await this.#start(ws, reader, frame);
    else if (type === "resume") this.#resume(reader, frame);
    else if (type === "ack") this.#acknowledge(reader, frame);
    else if (type === "stop") this.#stop(frame);
    else throw wrong("type", "must be one of start, resume, ack, stop");
    if (reader.again > MOST_AGAIN) return ws.close(POLICY_VIOLATED, "Too much was asked for again: open a new socket.");
    this.#advance(ws, reader);
    return this.#save(ws, reader);
  }

  /** A turn, as a chat request brings one. */
  async #start(ws, reader, { id, key = null, overlap = null, on_disconnect: leaving = null, ...body }) {
    const { store, runs, take } = this.#conversation;
    const { caller } = reader;
    const { sessions } = this.#config;
    checkScope(caller.routes, "chat");
    if (caller.expires !== null && Date.now() >= caller.expires) throw new EdgeError("invalid_api_key", "This key has expired.");
    if (body.conversation !== undefined) throw wrong("conversation", "is the socket's own");
    if (key !== null && typeof key !== "string") throw wrong("key", "must be a string");
    const chat = Object.assign(chatRequest({ ...body, stream: true }, this.#config, caller), { protocol: "socket" });
    const turn = await turnOf(chat, caller, {
      id: reader.conversation,
      key,
      keyed: "key",
      asked: JSON.stringify(body),
      overlap: chosen("overlap", overlap, OVERLAPS, sessions.overlap),
      leaving: chosen("on_disconnect", leaving, LEAVINGS, sessions.on_disconnect),
    });
    const before = store.exists ? store.last : 0;
    const run = await take(turn);
    const { created, asked } = store.run(run);
    if (reader.cursor === null) reader.from(before);
    // A turn that was sent before is read again from its beginning.
    const { first } = store.span(run);
    if (run !== turn.id && first !== null && first <= reader.cursor) reader.from(first - 1);
    for (const each of runs.values()) each.join(reader.name);
    if (turn.leaving === "cancel") reader.mine = [...reader.mine.filter((other) => runs.has(other)), run];
    this.#tell(ws, reader, { run, created, asked }, id);
  }

  #tell(ws, reader, { run, created, asked }, id) {
    Object.assign(reader, { run, told: false });
    this.#send(ws, { type: "start", ...(id ? { id } : {}), run, model: asked.model, created: Math.floor(created / 1000) });
  }

  /** Reads on from a number, or from the beginning of a run. */
  #resume(reader, { run, starting_after: after }) {
    const { store, runs } = this.#conversation;
    if (run === undefined && after === undefined) throw wrong("starting_after", "is missing; give it, or a run");
    const known = store.exists ? store.run(String(run)) : null;
    if (run !== undefined && !known) throw new EdgeError("not_found", "There is no such run.", { param: "run" });
    if (known && !known.replayable) throw expired();
    const cursor = after ?? (store.span(known.id).first ?? store.last + 1) - 1;
    const last = store.exists ? store.last : 0;
    if (!Number.isInteger(cursor) || cursor < 0 || cursor > last) throw wrong("starting_after", `must be a whole number up to ${last}, the last event's`);
    if (store.exists && cursor < store.forgotten) throw expired();
    reader.from(cursor);
    // Who has the last event of a run may not have heard of its end.
    reader.run = store.exists && after ? store.runAt(after) : null;
    for (const each of runs.values()) each.join(reader.name);
  }

  #acknowledge(reader, { seq }) {
    if (!Number.isInteger(seq) || seq < 0 || seq > (reader.cursor ?? 0)) throw wrong("seq", "must be the number of an event that was sent");
    if (seq <= reader.acked) return;
    reader.acked = seq;
    reader.ahead = this.#ahead(reader);
    reader.paused = false;
  }

  #stop({ run }) {
    const { store, runs } = this.#conversation;
    if (!(store.exists && store.run(String(run)))) throw new EdgeError("not_found", "There is no such run.", { param: "run" });
    runs.get(run)?.stop("The run was stopped.");
  }

  /** A new run is read by every socket that reads. */
  join(run) {
    for (const ws of this.#state.getWebSockets()) {
      const { name, cursor } = this.#readerOf(ws);
      if (cursor !== null) run.join(name);
    }
  }

  /** There is more in the log. */
  wake() {
    for (const ws of this.#state.getWebSockets()) this.#advance(ws, this.#readerOf(ws));
  }

  /** Sends what the log has behind a reader's cursor, as far as its window goes. */
  #advance(ws, reader) {
    const { store } = this.#conversation;
    if (reader.cursor === null || !store.exists) return;
    if (reader.cursor < store.forgotten) return this.#expire(ws, reader);
    for (let rows = store.behind(reader.cursor, MOST_ROWS); rows.length; rows = store.behind(reader.cursor, MOST_ROWS)) {
      for (const row of rows) {
        if (reader.cursor - reader.acked >= MOST_EVENTS || reader.ahead >= MOST_AHEAD) return this.#pause(ws, reader);
        this.#row(ws, reader, row);
      }
    }
    this.#done(ws, reader);
  }

  #row(ws, reader, { run, seq, count, events }) {
    if (run !== reader.run) {
      this.#done(ws, reader);
      this.#tell(ws, reader, { ...this.#conversation.store.run(run), run });
    }
    const list = JSON.parse(events);
    for (let place = Math.max(0, reader.cursor - (seq - count)); place < count; place += 1) {
      reader.cursor = seq - count + 1 + place;
      reader.ahead += this.#send(ws, { ...framed(list[place]), run, seq: reader.cursor });
    }
  }

  /** What a reader was too slow for is not kept any more: it is told so, and reads nothing until it resumes elsewhere. */
  #expire(ws, reader) {
    this.#send(ws, { type: "error", ...plain(expired()) });
    Object.assign(reader, { cursor: null, run: null });
    this.#save(ws, reader);
  }

  #pause(ws, reader) {
    if (!reader.paused) this.#send(ws, { type: "paused", seq: reader.cursor });
    reader.paused = true;
    this.#save(ws, reader);
  }

  /** Tells a reader who has all of a run's events that it is over, once. */
  #done(ws, reader) {
    const { store, runs } = this.#conversation;
    if (reader.run === null || reader.told || runs.get(reader.run)?.over === false) return;
    const run = store.run(reader.run);
    reader.told = true;
    this.#send(ws, { type: "done", run: run.id, status: run.status, seq: reader.cursor });
    this.#save(ws, reader);
  }

  /** @returns {number} how long the frame is; one whose socket has gone is sent to nobody */
  #send(ws, frame) {
    const text = JSON.stringify(frame);
    attempt(() => ws.send(text));
    return text.length;
  }

  /** A client has gone: a run that is to end with it ends, if nobody else reads it. */
  gone(ws, code = NORMAL) {
    const { name, mine } = this.#readerOf(ws);
    // Who closes waits for the answer to it; codes from 1004 to 1006 are never sent.
    attempt(() => ws.close(code >= 1004 && code <= 1006 ? NORMAL : code));
    this.#readers.delete(ws);
    for (const run of this.#conversation.runs.values()) {
      if (mine.includes(run.id)) run.leave(name);
      else run.part(name);
    }
  }

  /** The conversation is deleted. */
  close() {
    for (const ws of this.#state.getWebSockets()) ws.close(NORMAL, "The conversation was deleted.");
  }

  #readerOf(ws) {
    if (!this.#readers.has(ws)) {
      const reader = new Reader(ws.deserializeAttachment());
      reader.ahead = this.#ahead(reader);
      this.#readers.set(ws, reader);
    }
    return this.#readers.get(ws);
  }

  #ahead({ acked, cursor }) {
    const { store } = this.#conversation;
    return cursor === null || acked === cursor || !store.exists ? 0 : store.sizeBetween(acked, cursor);
  }

  #save(ws, { ahead: _, paused: __, wrong: ___, ...kept }) {
    attempt(() => ws.serializeAttachment(kept));
  }
}

/** Does something to a socket that may have gone: its close is on the way then. */
function attempt(act) {
  try {
    act();
  } catch {
    // Nobody is there to be told.
  }
}

/** Where a socket is in the log. */
class Reader {
  /** Characters of the frames sent since the last acknowledgement. */
  ahead = 0;
  paused = false;
  wrong = 0;

  /**
   * @param {{name: string, conversation: string, caller: object, cursor: number|null, acked: number, run: string|null,
   *   told: boolean, sent: number, again: number, mine: string[]}} kept `cursor`: number of the last event that was sent,
   *   null before it reads; `sent`: the highest that ever was, `again`: how often it was sent something again; `run`: the one
   *   that it was told of last, `told`: also of its end; `mine`: the runs that end with it
   */
  constructor(kept) {
    Object.assign(this, kept);
  }

  /** Reads on behind a number, which its client has. What was sent beyond that may still be on its way. */
  from(cursor) {
    const sent = Math.max(this.sent, this.cursor ?? 0);
    const again = cursor < sent;
    const ahead = again ? this.ahead : 0;
    Object.assign(this, { cursor, sent, ahead, acked: cursor, again: this.again + (again ? 1 : 0), paused: false, run: null, told: false });
  }
}

const isId = (id) => typeof id === "string" && id.length <= 128;

const expired = () => new EdgeError("replay_expired", "The events of this run are not kept any more.");

/** An event as a frame. */
const framed = ({ error, ...event }) => (error ? { ...event, ...plain(error) } : event);

/** An error's members in a frame; `retry_after` in seconds. */
function plain({ code, message, param, headers }) {
  const wait = headers?.["retry-after"];
  return { code, message, param: param ?? null, ...(wait ? { retry_after: Number(wait) } : {}) };
}
