import { CODES, EdgeError } from "../errors.js";
import { wrong } from "../protocols/checks.js";

/** Rows that are read from the log at once. */
const MOST_ROWS = 64;

const bytes = new TextEncoder();

/**
 * A run's log behind a sequence number as lines of JSON, live to the run's end: first a head `{run, created, facts,
 * previous, asked, started}`, then rows `{seq, events}`, `seq` of the last event of a row. It reads from the store what its reader
 * asks for, so that a slow one fills nothing. `hurry` is not to wait for the first event; who waits for it, and finds that
 * the run has failed instead, gets the error itself.
 * @param {{store: Store, id: string, run: Run|undefined, after: number, reader: string, hurry: boolean}} options
 * @throws {EdgeError} not_found, replay_expired, invalid_request
 */
export async function follow({ store, id, run, after, reader, hurry }) {
  if (after > store.last) throw wrong("starting_after", `must be a whole number up to ${store.last}, the last event's`);
  run?.join(reader);
  while (!hurry && !run?.over && store.after(id, after, 1).length === 0) await run.changed();
  const kept = store.exists ? store.run(id) : null;
  if (!kept) throw new EdgeError("not_found", "The conversation was deleted.");
  if (!kept.replayable) throw new EdgeError("replay_expired", "The events of this run are not kept any more.");
  const { created, facts, previous, asked } = kept;
  const head = { run: id, created, facts, previous, asked, started: after >= (store.span(id).first ?? Infinity) };
  const failed = hurry ? null : failure(store.after(id, after, 2));
  if (failed) return Response.json({ error: failed, head }, { status: CODES[failed.code][0] });
  const source = new Rows(store, id, run, after);
  const stream = {
    start: (controller) => controller.enqueue(bytes.encode(`${JSON.stringify(head)}\n`)),
    pull: (controller) => source.pull(controller),
    cancel: () => run?.part(reader),
  };
  return new Response(new ReadableStream(stream, { highWaterMark: 0 }), { headers: { "content-type": "application/x-ndjson" } });
}

/** The error of a run that has nothing else to tell, null if it has. */
function failure(rows) {
  if (rows.length !== 1) return null;
  const events = JSON.parse(rows[0].events);
  return events[0].type === "error" ? events[0].error : null;
}

class Rows {
  #store;
  #id;
  #run;
  #seq;

  constructor(store, id, run, seq) {
    this.#store = store;
    this.#id = id;
    this.#run = run;
    this.#seq = seq;
  }

  async pull(controller) {
    for (;;) {
      // Before the rows are read: what comes after that is seen at the next look.
      const over = this.#run?.over ?? true;
      const rows = this.#store.exists ? this.#store.after(this.#id, this.#seq, MOST_ROWS) : [];
      if (rows.length) return controller.enqueue(bytes.encode(rows.map((row) => this.#line(row)).join("")));
      if (over) return controller.close();
      await this.#run.changed();
    }
  }

  /** A row as a line, less the events that its reader has. */
  #line({ seq, count, events }) {
    const seen = this.#seq - (seq - count);
    this.#seq = seq;
    return `{"seq":${seq},"events":${seen > 0 ? JSON.stringify(JSON.parse(events).slice(seen)) : events}}\n`;
  }
}
