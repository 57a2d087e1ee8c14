import { EdgeError } from "../errors.js";

/** Names of objects hold the tenant, so that no id leads to another's. */
const named = (...parts) => JSON.stringify(parts);

/** The name of the object that lists a tenant's conversations. */
export const directoryOf = (tenant) => named("directory", tenant);

/** Asks an object, by name. */
export function askObject(env, name, path, { method = "POST", body = {}, ...more } = {}) {
  const stub = env.CONVERSATION.get(env.CONVERSATION.idFromName(name));
  return stub.fetch(`https://object/${path}`, { method, body: method === "GET" ? undefined : JSON.stringify(body), ...more });
}

/** The Worker's way to the objects of its caller. */
export class Remote {
  #env;
  #tenant;

  constructor({ env, caller }) {
    this.#env = env;
    this.#tenant = caller.tenant;
  }

  /**
   * Asks a conversation's object.
   * @throws {EdgeError} what the object refuses, with the `facts` of its run; conversation_unavailable
   */
  ask(id, path, options) {
    return this.#send(named("conversation", this.#tenant, id), path, options);
  }

  /** What a conversation's object answers, null where there is no conversation. */
  async known(id, path, options) {
    try {
      return await this.ask(id, path, options);
    } catch (thrown) {
      if (thrown.code === "not_found") return null;
      throw thrown;
    }
  }

  /** Hands an upgrade on to a conversation's object. */
  upgrade(id, headers) {
    return this.#send(named("conversation", this.#tenant, id), "socket", { method: "GET", headers: { upgrade: "websocket", ...headers } });
  }

  list(query) {
    return this.#send(directoryOf(this.#tenant), "directory/list", { body: query });
  }

  async #send(name, path, options) {
    let response;
    try {
      response = await askObject(this.#env, name, path, options);
    } catch (thrown) {
      console.warn("an object failed", thrown?.name);
      throw new EdgeError("conversation_unavailable", "The conversation cannot be reached just now; try again.", { headers: { "retry-after": "1" } });
    }
    if (response.ok || response.status === 101) return response;
    const { error, head } = await response.json();
    throw Object.assign(thrownOf(error), { head });
  }
}

/** An error that an object told. */
export const thrownOf = ({ code, message, param, headers, edge }) => new EdgeError(code, message, { param, headers, edge });

/** An error as it can be told and kept. */
export const plainOf = ({ code, message, param, headers, edge }) => ({ code, message, param, headers, edge });

/** What an encoder must know to give a run's bytes again, from the head of its log. */
export const keptChat = ({ run, created, asked, started }) => ({ ...asked, kept: { id: run.slice("run_".length), created, started } });
