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

/** One end of a WebSocket: what the other end sends is in `received`. */
class Socket {
  received = [];
  closed = null;
  #attachment = null;

  send(text) {
    if (this.closed) throw new TypeError("the socket is closed");
    this.other.received.push(text);
  }

  close(code, reason) {
    this.closed = this.other.closed = { code, reason };
  }

  serializeAttachment(value) {
    this.#attachment = structuredClone(value);
  }

  deserializeAttachment() {
    return structuredClone(this.#attachment);
  }
}

globalThis.WebSocketPair = class {
  constructor() {
    const [client, server] = [new Socket(), new Socket()];
    Object.assign(client, { other: server });
    Object.assign(server, { other: client });
    Object.assign(this, { 0: client, 1: server });
  }
};

globalThis.WebSocketRequestResponsePair = class {};

/** Node's Response knows no 101. */
globalThis.Response = class extends Response {
  constructor(body, { webSocket, status, ...init } = {}) {
    super(body, status === 101 ? init : { ...init, status });
    if (status === 101) Object.defineProperties(this, { status: { value: 101 }, webSocket: { value: webSocket } });
  }
};

/** A namespace of one class: objects by name, each with a storage that outlives it. */
export class Objects {
  #make;
  #held = new Map();
  /** Set to make every call of an object fail. */
  broken = false;
  /** What the objects do that nothing waits for. */
  afterwards = [];

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
    if (!this.#held.has(name)) this.#held.set(name, { storage: new Storage(), sockets: [], object: null });
    const held = this.#held.get(name);
    held.object ??= this.#make({
      storage: held.storage,
      waitUntil: (promise) => void this.afterwards.push(promise),
      setWebSocketAutoResponse: () => {},
      acceptWebSocket: (socket) => held.sockets.push(socket),
      getWebSockets: () => held.sockets.filter(({ closed }) => !closed),
    });
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
    for (const held of this.#held.values()) Object.assign(held, { object: null, sockets: [] });
  }

  /** The objects are put away while nothing happens; their sockets stay open. */
  hibernate() {
    for (const held of this.#held.values()) held.object = null;
  }

  /** A client's frame, or its end. */
  async say(client, frame) {
    const [name] = [...this.#held].find(([, { sockets }]) => sockets.includes(client.other));
    await this.#object(name).webSocketMessage(client.other, typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  async leave(client) {
    const [name] = [...this.#held].find(([, { sockets }]) => sockets.includes(client.other));
    client.closed = client.other.closed = { code: 1005, reason: "" };
    await this.#object(name).webSocketClose(client.other);
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
