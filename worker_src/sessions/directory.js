import { wrong } from "./turn.js";

/**
 * Which conversations a tenant has, newest first: an object of its own a tenant, told by each conversation. It is a list
 * to look into, not the truth: that is in each conversation.
 */
export class Directory {
  #sql;

  constructor(storage) {
    this.#sql = storage.sql;
  }

  #make() {
    this.#sql.exec("CREATE TABLE IF NOT EXISTS conversations (id TEXT PRIMARY KEY, created INTEGER NOT NULL, touched INTEGER NOT NULL)");
  }

  note({ id, created, touched }) {
    this.#make();
    this.#sql.exec("INSERT OR REPLACE INTO conversations VALUES (?, ?, ?)", id, created, touched);
    return {};
  }

  forget({ id }) {
    this.#make();
    this.#sql.exec("DELETE FROM conversations WHERE id = ?", id);
    return {};
  }

  /**
   * A page of `limit` entries behind the entry `after`.
   * @throws {EdgeError} invalid_request
   */
  list({ limit, after }) {
    this.#make();
    const [from] = after !== null ? this.#sql.exec("SELECT touched, id FROM conversations WHERE id = ?", after).toArray() : [];
    if (after !== null && !from) throw wrong("after", "names no conversation that is listed; begin again without it");
    const where = from ? "WHERE (touched, id) < (?, ?)" : "";
    const values = from ? [from.touched, from.id] : [];
    const rows = this.#sql.exec(`SELECT * FROM conversations ${where} ORDER BY touched DESC, id DESC LIMIT ?`, ...values, Number(limit) + 1).toArray();
    return { data: rows.slice(0, limit), more: rows.length > limit };
  }
}
