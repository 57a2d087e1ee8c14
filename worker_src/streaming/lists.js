/** What an iterator of lists of events gives when it is at its end. */
export const DONE = Object.freeze({ done: true, value: undefined });

/** One list of events as such an iterator. */
export const listed = (events) => resumed({ done: false, value: events }, { next: async () => DONE, return: async () => DONE });

/** An iterator with the part that was already taken from it. */
export function resumed(first, iterator) {
  let waiting = first;
  return {
    next: async () => {
      const ready = waiting;
      waiting = null;
      return ready ?? iterator.next();
    },
    return: () => {
      waiting = null;
      return iterator.return();
    },
  };
}
