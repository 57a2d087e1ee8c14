import { wrong } from "../protocols/checks.js";
import { withColumn } from "./store.js";

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
    this.#sql.exec("CREATE TABLE IF NOT EXISTS conversations (id TEXT PRIMARY KEY, created INTEGER NOT NULL, touched INTEGER NOT NULL, agent TEXT)");
    withColumn(this.#sql, "conversations", "agent");
  }

  /** `agent`: the one that a front end ran in this turn, null if none did. */
  note({ id, created, touched, agent = null }) {
    this.#make();
    const known = "ON CONFLICT (id) DO UPDATE SET created = excluded.created, touched = excluded.touched, agent = COALESCE(excluded.agent, agent)";
    this.#sql.exec(`INSERT INTO conversations (id, created, touched, agent) VALUES (?, ?, ?, ?) ${known}`, id, created, touched, agent);
    return {};
  }

  forget({ id }) {
    this.#make();
    this.#sql.exec("DELETE FROM conversations WHERE id = ?", id);
    return {};
  }

  /**
   * A page of `limit` entries behind the entry `after`, which the caller knows as its `cursor`; of one `agent`, of any (`""`), or of all conversations (null).
   * @throws {EdgeError} invalid_request
   */
  list({ limit, after, cursor = "after", agent = null }) {
    this.#make();
    const [from] = after !== null ? this.#sql.exec("SELECT touched, id FROM conversations WHERE id = ?", after).toArray() : [];
    if (after !== null && !from) throw wrong(cursor, "names no conversation that is listed; begin again without it");
    const which = agent === null ? "1" : agent === "" ? "agent IS NOT NULL" : "agent = ?";
    const where = from ? "AND (touched, id) < (?, ?)" : "";
    const values = [...(agent ? [agent] : []), ...(from ? [from.touched, from.id] : []), Number(limit) + 1];
    const rows = this.#sql.exec(`SELECT * FROM conversations WHERE ${which} ${where} ORDER BY touched DESC, id DESC LIMIT ?`, ...values).toArray();
    return { data: rows.slice(0, limit), more: rows.length > limit };
  }
}
