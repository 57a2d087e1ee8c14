/** How many characters of events one row may have; a row of SQLite in an object has at most 2 MB. */
const MOST_IN_ROW = 262_144;

const SCHEMA = [
  "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
  "CREATE TABLE IF NOT EXISTS runs (id TEXT PRIMARY KEY, status TEXT NOT NULL, created INTEGER NOT NULL, ended INTEGER, " +
    "key TEXT UNIQUE, digest TEXT, asked TEXT NOT NULL, facts TEXT, previous TEXT, replayable INTEGER NOT NULL DEFAULT 1)",
  "CREATE TABLE IF NOT EXISTS messages (position INTEGER PRIMARY KEY, run TEXT NOT NULL, message TEXT NOT NULL, id TEXT, replaced TEXT)",
  "CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, run TEXT NOT NULL, count INTEGER NOT NULL, events TEXT NOT NULL)",
  "CREATE INDEX IF NOT EXISTS events_of_run ON events (run, seq)",
];

/** Runs that are not over. */
const OPEN = "('queued', 'running')";

/** Runs whose turns are part of the conversation: those that failed are shown, but no model is told of them. */
const TOLD = "('completed', 'stopped')";

/**
 * One conversation in the SQLite of its object: runs (one a turn), their messages, and the log of their events. The
 * sequence number of an event counts through the conversation; a row of the log holds a list of events and the number
 * of its last. The only file of the concern that knows SQL. Nothing is written before the first turn.
 */
export class Store {
  #storage;
  #sql;
  #made;
  #last = null;

  /** @param {DurableObjectStorage} storage */
  constructor(storage) {
    this.#storage = storage;
    this.#sql = storage.sql;
    this.#made = this.#rows("SELECT 1 FROM sqlite_master WHERE name = 'events'").length > 0;
    if (this.#made) for (const column of ["id", "replaced"]) withColumn(this.#sql, "messages", column);
  }

  /** Whether there is a conversation. */
  get exists() {
    return this.#made;
  }

  make(now) {
    if (this.#made) return;
    for (const statement of SCHEMA) this.#sql.exec(statement);
    this.#set("created", now);
    this.#made = true;
  }

  #rows(statement, ...values) {
    return this.#sql.exec(statement, ...values).toArray();
  }

  #set(name, value) {
    this.#sql.exec("INSERT OR REPLACE INTO facts VALUES (?, ?)", name, JSON.stringify(value));
  }

  /** A fact of the conversation (`created`, `touched`, `summary`), null if it has none. */
  fact(name) {
    const [row] = this.#rows("SELECT value FROM facts WHERE name = ?", name);
    return row ? JSON.parse(row.value) : null;
  }

  keep(name, value) {
    this.#set(name, value);
  }

  /** Everything or nothing of what `work` writes. */
  together(work) {
    return this.#storage.transactionSync(work);
  }

  /**
   * A turn is taken in: its run and the messages it brings. `key` makes it repeatable, `digest` is of what was asked;
   * `turn` is what its count needs if the object is lost.
   */
  begin({ id, key, digest, asked, turn, previous }, entries, now) {
    this.together(() => {
      if (previous) this.#sql.exec("UPDATE runs SET key = NULL WHERE id = ?", previous);
      this.#sql.exec(
        "INSERT INTO runs (id, status, created, key, digest, asked, previous) VALUES (?, 'queued', ?, ?, ?, ?, ?)",
        id, now, key, digest, JSON.stringify({ ...asked, turn }), previous,
      );
      this.#add(id, entries);
      this.#set("touched", now);
    });
  }

  /** `id`: the client's own of a message. */
  #add(run, entries) {
    for (const { message, id = null } of entries) this.#sql.exec("INSERT INTO messages (run, message, id) VALUES (?, ?, ?)", run, JSON.stringify(message), id);
  }

  /** Messages that turn out to be known already are no news of the run. */
  replaceMessages(run, entries) {
    this.together(() => {
      this.#sql.exec("DELETE FROM messages WHERE run = ?", run);
      this.#add(run, entries);
    });
  }

  /**
   * The talk is what a run's client says that it is: it begins with the rows `kept`, as it has them, and goes on with `added`. What else was
   * told is replaced: still there, but no part of the talk. Turns that wait have their say later.
   * @param {string} run
   * @param {Array<{position: number, message: object, id: string|null}>} kept
   * @param {Array<{message: object, id: string|null}>} added
   */
  relist(run, kept, added) {
    this.together(() => {
      this.#sql.exec("UPDATE messages SET replaced = ? WHERE replaced IS NULL AND run NOT IN (SELECT id FROM runs WHERE status = 'queued')", run);
      const keep = "UPDATE messages SET message = ?, id = ?, replaced = NULL WHERE position = ?";
      for (const { position, message, id } of kept) this.#sql.exec(keep, JSON.stringify(message), id, position);
      this.replaceMessages(run, added);
    });
  }

  start(run) {
    this.#sql.exec("UPDATE runs SET status = 'running' WHERE id = ?", run);
  }

  /** What a run's first event made known: target, cache, calls. */
  know(run, facts) {
    this.#sql.exec("UPDATE runs SET facts = ? WHERE id = ?", JSON.stringify(facts), run);
  }

  /** The number of the last event, 0 if there was none. */
  get last() {
    this.#last ??= this.#rows("SELECT MAX(seq) AS last FROM events")[0].last ?? this.fact("last") ?? 0;
    return this.#last;
  }

  /** The number of the last event that is not kept any more, 0 if all are. */
  get forgotten() {
    const [{ first }] = this.#rows("SELECT MIN(seq - count + 1) AS first FROM events");
    return first === null ? this.last : first - 1;
  }

  /** Appends a list of events, in rows of a bounded size. */
  append(run, events) {
    this.#last = this.last;
    for (const texts of bounded(events.map((event) => JSON.stringify(event)))) {
      this.#last += texts.length;
      this.#sql.exec("INSERT INTO events VALUES (?, ?, ?, ?)", this.#last, run, texts.length, `[${texts.join(",")}]`);
    }
  }

  /**
   * The run is over: its last events, the answer it adds and its status are there together or not at all; `unheard`: its
   * messages are forgotten.
   */
  end(run, { status, events, message, facts, now, unheard = false }) {
    this.together(() => {
      this.append(run, events);
      if (unheard) {
        this.#sql.exec("DELETE FROM messages WHERE run = ?", run);
        this.#sql.exec("UPDATE messages SET replaced = NULL WHERE replaced = ?", run);
      }
      if (message) this.#add(run, [{ message }]);
      this.#sql.exec("UPDATE runs SET status = ?, ended = ?, facts = ? WHERE id = ?", status, now, JSON.stringify(facts), run);
      this.#set("touched", now);
      this.#set("last", this.#last);
    });
  }

  run(id) {
    return this.#one("SELECT * FROM runs WHERE id = ?", id);
  }

  /** Whether models are told of a run. */
  tells({ status }) {
    return TOLD.includes(`'${status}'`);
  }

  /** The run that a next turn goes on from: the last one that is told of or goes on, null if there is none. */
  get latest() {
    const [row] = this.#rows(`SELECT id FROM runs WHERE status IN ${TOLD} OR status IN ${OPEN} ORDER BY rowid DESC LIMIT 1`);
    return row?.id ?? null;
  }

  runOfKey(key) {
    return key === null ? null : this.#one("SELECT * FROM runs WHERE key = ?", key);
  }

  runs() {
    return this.#rows("SELECT * FROM runs ORDER BY rowid").map(run);
  }

  /** Runs that should be going on. */
  open() {
    return this.#rows(`SELECT * FROM runs WHERE status IN ${OPEN} ORDER BY rowid`).map(run);
  }

  #one(statement, value) {
    const [row] = this.#rows(statement, value);
    return row ? run(row) : null;
  }

  /** Messages as `{run, status, told, id, message}` in their order; `told`: whether models are told of it; what is replaced has that status. */
  messages() {
    const columns = `run, IIF(replaced IS NULL, status, 'replaced') AS status, replaced IS NULL AND status IN ${TOLD} AS told, messages.id AS id, message`;
    const rows = this.#rows(`SELECT ${columns} FROM messages JOIN runs ON runs.id = run ORDER BY position`);
    return rows.map(({ told, message, ...row }) => ({ ...row, told: told === 1, message: JSON.parse(message) }));
  }

  /** Those that models are told of, `{position, run, id, message}`. */
  told() {
    const from = `FROM messages JOIN runs ON runs.id = run WHERE replaced IS NULL AND status IN ${TOLD}`;
    const rows = this.#rows(`SELECT position, run, messages.id AS id, message ${from} ORDER BY position`);
    return rows.map(({ message, ...row }) => ({ ...row, message: JSON.parse(message) }));
  }

  messagesOf(run) {
    return this.#rows("SELECT message FROM messages WHERE run = ? ORDER BY position", run).map(({ message }) => JSON.parse(message));
  }

  /** Rows of a run's log behind a sequence number: `{seq, count, events}`, events as JSON text. */
  after(run, seq, most) {
    return this.#rows("SELECT seq, count, events FROM events WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?", run, seq, most);
  }

  /** All events of a run that are kept. */
  eventsOf(run) {
    return this.#rows("SELECT events FROM events WHERE run = ? ORDER BY seq", run).flatMap(({ events }) => JSON.parse(events));
  }

  /** Rows of the whole log behind a sequence number: `{run, seq, count, events}`. */
  behind(seq, most) {
    return this.#rows("SELECT * FROM events WHERE seq > ? ORDER BY seq LIMIT ?", seq, most);
  }

  /** The run of an event, null if it is not kept. */
  runAt(seq) {
    return this.#rows("SELECT run FROM events WHERE seq >= ? ORDER BY seq LIMIT 1", seq)[0]?.run ?? null;
  }

  /** Characters of the rows between two sequence numbers. */
  sizeBetween(after, seq) {
    return this.#rows("SELECT SUM(LENGTH(events)) AS size FROM events WHERE seq > ? AND seq - count < ?", after, seq)[0].size ?? 0;
  }

  /** First and last sequence number of a run, `{first: null}` if it has no events. */
  span(run) {
    return this.#rows("SELECT MIN(seq - count + 1) AS first, MAX(seq) AS last FROM events WHERE run = ?", run)[0];
  }

  /** Forgets the events of runs that ended before. */
  forgetEvents(before) {
    this.together(() => {
      const old = "SELECT id FROM runs WHERE replayable AND ended IS NOT NULL AND ended <= ?";
      this.#sql.exec(`DELETE FROM events WHERE run IN (${old})`, before);
      this.#sql.exec("UPDATE runs SET replayable = 0 WHERE ended IS NOT NULL AND ended <= ?", before);
    });
  }

  /** When the first run ended whose events are still there, null if none. */
  get oldestReplay() {
    return this.#rows("SELECT MIN(ended) AS ended FROM runs WHERE replayable AND ended IS NOT NULL")[0].ended;
  }

  /** Deletes everything. */
  async clear() {
    this.#made = false;
    this.#last = null;
    await this.#storage.deleteAlarm();
    await this.#storage.deleteAll();
  }
}

/** Adds a column to a table that was made before there was that column. */
export function withColumn(sql, table, column) {
  const [{ sql: made }] = sql.exec("SELECT sql FROM sqlite_master WHERE name = ?", table).toArray();
  if (!new RegExp(`\\b${column} TEXT`).test(made)) sql.exec(`ALTER TABLE ${table} ADD COLUMN ${column} TEXT`);
}

function run({ asked: text, facts, replayable, ...row }) {
  const { turn, ...asked } = JSON.parse(text);
  return { ...row, asked, turn, facts: facts ? JSON.parse(facts) : null, replayable: replayable === 1 };
}

/** Texts in groups that fit into a row each. */
function bounded(texts) {
  const groups = [];
  let size = Infinity;
  for (const text of texts) {
    size += text.length;
    if (size > MOST_IN_ROW) {
      groups.push([]);
      size = text.length;
    }
    groups.at(-1).push(text);
  }
  return groups;
}
