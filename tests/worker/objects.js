// Durable Objects over SQLite in WebAssembly: what a class may use of its state, with crashes and alarms at will.
import initSqlJs from "sql.js";

const SQL = await initSqlJs();

class Storage {
  #db = new SQL.Database();
  #depth = 0;
  alarm = null;

  sql = {
    exec: (statement, ...values) => {
      const prepared = this.#db.prepare(statement);
      const rows = [];
      try {
        prepared.bind(values);
        while (prepared.step()) rows.push(prepared.getAsObject());
      } finally {
        prepared.free();
      }
      return { toArray: () => rows };
    },
  };

  transactionSync(work) {
    this.#depth += 1;
    const point = `depth${this.#depth}`;
    this.#db.exec(`SAVEPOINT ${point}`);
    try {
      const value = work();
      this.#db.exec(`RELEASE ${point}`);
      return value;
    } catch (thrown) {
      this.#db.exec(`ROLLBACK TO ${point}`);
      throw thrown;
    } finally {
      this.#depth -= 1;
    }
  }

  async setAlarm(at) {
    this.alarm = at;
  }

  async deleteAlarm() {
    this.alarm = null;
  }

  async deleteAll() {
    this.#db.close();
    this.#db = new SQL.Database();
  }

  get tables() {
    return this.sql.exec("SELECT name FROM sqlite_master WHERE type = 'table'").toArray().map(({ name }) => name);
  }
}

/** A namespace of one class: objects by name, each with a storage that outlives it. */
export class Objects {
  #make;
  #held = new Map();
  /** Set to make every call of an object fail. */
  broken = false;

  /** @param {(state: object) => object} make a new object over its state */
  constructor(make) {
    this.#make = make;
  }

  idFromName(name) {
    return name;
  }

  get(name) {
    return {
      fetch: async (url, { signal: _, ...init } = {}) => {
        if (this.broken) throw new Error("the object is broken");
        return this.#object(name).fetch(new Request(url, init));
      },
    };
  }

  #object(name) {
    if (!this.#held.has(name)) this.#held.set(name, { storage: new Storage(), object: null });
    const held = this.#held.get(name);
    held.object ??= this.#make({ storage: held.storage });
    return held.object;
  }

  get names() {
    return [...this.#held.keys()];
  }

  storage(name) {
    return this.#held.get(name).storage;
  }

  /** The objects are gone from memory, whatever they were doing; what they wrote stays. */
  crash() {
    for (const held of this.#held.values()) held.object = null;
  }

  /** Rings the alarms that are due. */
  async ring() {
    for (const [name, { storage }] of this.#held) {
      if (storage.alarm === null || storage.alarm > Date.now()) continue;
      storage.alarm = null;
      await this.#object(name).alarm();
    }
  }
}
