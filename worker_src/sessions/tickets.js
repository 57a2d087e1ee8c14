/** How long a ticket may be used, milliseconds. */
export const TICKET_MS = 60_000;

/**
 * Tickets for sockets: whoever may not send headers (a page in a browser) shows one instead of a key. One opens one
 * socket of one conversation, once and soon. Only their hashes are kept.
 */
export class Tickets {
  #sql;

  constructor(storage) {
    this.#sql = storage.sql;
  }

  /** Nothing is written for who only asks. */
  get #made() {
    return this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'tickets'").toArray().length > 0;
  }

  #make() {
    this.#sql.exec("CREATE TABLE IF NOT EXISTS tickets (hash TEXT PRIMARY KEY, caller TEXT NOT NULL, expires INTEGER NOT NULL)");
  }

  /** @returns {number} when it expires, milliseconds since the epoch */
  issue({ hash, caller }, now) {
    this.#make();
    this.#sql.exec("INSERT INTO tickets VALUES (?, ?, ?)", hash, JSON.stringify(caller), now + TICKET_MS);
    return now + TICKET_MS;
  }

  /** The caller that a ticket stands for, null if there is none (any more). It cannot be used again. */
  take(hash, now) {
    if (!this.#made) return null;
    const [ticket] = this.#sql.exec("DELETE FROM tickets WHERE hash = ? RETURNING caller, expires", hash).toArray();
    return ticket && now < ticket.expires ? JSON.parse(ticket.caller) : null;
  }

  /** Forgets those that have expired. */
  forget(now) {
    if (!this.#made) return;
    this.#sql.exec("DELETE FROM tickets WHERE expires <= ?", now);
  }
}
