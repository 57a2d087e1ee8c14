// What any Worker costs that looks at what it relays, and does nothing else: it reads the request and the answer in
// JavaScript, parses the JSON and reads a stream chunk by chunk.
const relay = (reader) =>
  new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: () => reader.cancel(),
    },
    { highWaterMark: 0 },
  );

export default {
  async fetch(request, env) {
    const asked = JSON.parse(await request.text());
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${env.UPSTREAM}/v1/chat/completions`, { method: "POST", headers, body: JSON.stringify(asked) });
    const type = { headers: { "content-type": answer.headers.get("content-type") } };
    if (asked.stream) return new Response(relay(answer.body.getReader()), type);
    return new Response(JSON.stringify(JSON.parse(await answer.text())), type);
  },
};
