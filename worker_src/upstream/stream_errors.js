import { UpstreamFailure } from "./failure.js";

const told = (thrown) => (thrown instanceof UpstreamFailure ? thrown.toEdgeError() : thrown);

/** Runs `call`; what fails, before or within its stream, becomes what the caller is told. */
export async function streamErrors(call) {
  let outcome;
  try {
    outcome = await call();
  } catch (thrown) {
    throw told(thrown);
  }
  return outcome.events ? { events: translated(outcome.events) } : outcome;
}

function translated(events) {
  const iterator = events[Symbol.asyncIterator]?.() ?? events[Symbol.iterator]();
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        try {
          return await iterator.next();
        } catch (thrown) {
          throw told(thrown);
        }
      },
      return: async () => iterator.return?.() ?? { done: true, value: undefined },
    }),
  };
}
