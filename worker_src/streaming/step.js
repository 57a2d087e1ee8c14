import { asEdgeError } from "../errors.js";

/**
 * The relay of a stream: neutral events in, frames of the protocol out, pulled by the caller. A caller who leaves
 * stops the upstream at once, through the iterator's `return`.
 */
export function streaming() {
  return (context, events, encoder) => {
    const bytes = new TextEncoder();
    const iterator = events[Symbol.asyncIterator]();
    const body = new ReadableStream(
      {
        async pull(controller) {
          for (;;) {
            const { text, done } = await step(iterator, encoder);
            if (text) controller.enqueue(bytes.encode(text));
            if (done) return controller.close();
            if (text) return undefined;
          }
        },
        cancel: () => iterator.return?.(),
      },
      { highWaterMark: 0 },
    );
    return new Response(body, {
      headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache, no-transform" },
    });
  };
}

async function step(iterator, encoder) {
  try {
    const { value, done } = await iterator.next();
    if (done) return { text: encoder.end, done: true };
    return { text: value.map((event) => encoder.encode(event)).join(""), done: false };
  } catch (thrown) {
    return { text: encoder.encode({ type: "error", error: asEdgeError(thrown) }) + encoder.end, done: true };
  }
}
