import assert from "node:assert/strict";

import fc from "fast-check";

import { SseReader } from "../../../worker_src/streaming/sse_reader.js";
import { almostEvents, pieces, property, sizes, text } from "../property.js";

const MOST = 1_048_576;
const line = text.map((held) => held.replace(/[\r\n]/g, "·"));

/** Lines of one event: its data and what is to be left out, and the line ends. */
const other = fc.oneof(
  line.map((held) => `:${held}`),
  line.map((held) => `x${held}`),
  fc.constantFrom("event: data", "id", "retry: 1", "dat: a", "datax: a", "Data: a"),
);
const event = fc.record({
  data: fc.array(fc.record({ held: line, spaced: fc.boolean(), before: fc.array(other, { maxLength: 1 }) }), {
    minLength: 1,
    maxLength: 3,
  }),
  after: fc.array(other, { maxLength: 1 }),
});
const ends = fc.array(fc.constantFrom("\n", "\r", "\r\n"), { minLength: 1, maxLength: 7 });

/** The events as text; an empty line that a LF ends may not follow a CR, with which it would be one end. */
function encoded(events, lineEnds, { bom, unended }) {
  const lines = events.flatMap(({ data, after }) => [
    ...data.flatMap(({ held, spaced, before }) => [
      ...before,
      `data:${spaced || held.startsWith(" ") ? " " : ""}${held}`,
    ]),
    ...after,
    "",
  ]);
  if (unended) lines.pop();
  let whole = bom ? "\uFEFF" : "";
  lines.forEach((held, index) => {
    const end = lineEnds[index % lineEnds.length];
    const last = unended && index === lines.length - 1;
    whole += held + (last ? "" : held === "" && end === "\n" && whole.endsWith("\r") ? "\r\n" : end);
  });
  return new TextEncoder().encode(whole);
}

function read(parts) {
  const reader = new SseReader();
  const found = parts.flatMap((part) => reader.push(part));
  return [...found, ...reader.end()];
}

property(
  "any events, however written and split, are read back exactly",
  [
    fc.array(event, { minLength: 1, maxLength: 4 }),
    ends,
    fc.record({ bom: fc.boolean(), unended: fc.boolean() }),
    sizes,
  ],
  (events, lineEnds, how, cuts) => {
    const wanted = events.map(({ data }) => data.map(({ held }) => held).join("\n"));
    assert.deepEqual(read(pieces(encoded(events, lineEnds, how), cuts)), wanted);
  },
);

/** The standard's algorithm over the whole text at once. */
function reference(bytes) {
  const found = [];
  let data = [];
  const lines = new TextDecoder().decode(bytes).split(/\r\n|\n|\r/);
  for (const held of [...lines, ""]) {
    const colon = held.indexOf(":");
    const name = colon < 0 ? held : held.slice(0, colon);
    if (held === "" && data.length) found.push(data.join("\n"));
    if (held === "") data = [];
    else if (name === "data") data.push(colon < 0 ? "" : held.slice(colon + 1).replace(/^ /, ""));
  }
  return found;
}

property(
  "arbitrary bytes are read as the standard says, whatever their split",
  [almostEvents(), sizes],
  (bytes, cuts) => {
    assert.deepEqual(read(pieces(bytes, cuts)), reference(bytes));
  },
);

const filler = new TextEncoder().encode("y".repeat(MOST));

property(
  "an event that does not end is refused once it is past the bound, and not before",
  [fc.constantFrom("data: ", "", ": ", "data: a\ndata: "), fc.integer({ min: 100_000, max: 700_000 }), fc.boolean()],
  (head, size, lines) => {
    const reader = new SseReader();
    const between = new TextEncoder().encode(lines ? "\ndata: " : "");
    let pushed = 0;
    reader.push(new TextEncoder().encode(head));
    const push = () => {
      for (; pushed <= 2 * MOST; pushed += size) {
        reader.push(filler.subarray(0, size));
        reader.push(between);
      }
    };
    assert.throws(push, RangeError);
    assert.ok(pushed > MOST - 2 * size && pushed <= MOST + size, `${pushed} characters before it was refused`);
  },
);
