/**
 * One upstream call shared by every identical request in flight: a log of event lists that each follows at its own
 * pace. The call belongs to the request that began it, which keeps it going (`waitUntil`) as long as anybody follows.
 */
export class Flight {
  #log = [];
  #failure = null;
  #done = false;
  #followers = 0;
  #wake = resolvers();
  #abandoned = resolvers();

  /** Resolves when nobody follows any more. */
  get abandoned() {
    return this.#abandoned.promise;
  }

  get done() {
    return this.#done;
  }

  publish(events) {
    this.#log.push(events);
    this.#ring();
  }

  end(failure = null) {
    this.#failure = failure;
    this.#done = true;
    this.#ring();
  }

  #ring() {
    this.#wake.resolve();
    this.#wake = resolvers();
  }

  /** Follows from the beginning; leaving early disturbs nobody else. */
  follow() {
    this.#followers += 1;
    let place = 0;
    let here = true;
    const leave = () => {
      if (!here) return;
      here = false;
      this.#followers -= 1;
      if (this.#followers === 0 && !this.#done) this.#abandoned.resolve();
    };
    const next = async () => {
      while (here && place >= this.#log.length && !this.#done) await this.#wake.promise;
      if (!here) return { done: true, value: undefined };
      if (place < this.#log.length) return { done: false, value: this.#log[place++] };
      leave();
      if (this.#failure) throw this.#failure;
      return { done: true, value: undefined };
    };
    return { next, return: async () => (leave(), { done: true, value: undefined }), leave };
  }
}

/** A promise with its resolve; Node 20 has no Promise.withResolvers. */
function resolvers() {
  let resolve;
  const promise = new Promise((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
