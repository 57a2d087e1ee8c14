// Properties: `property(name, arbitraries, holds)` is a test of many generated cases, and generators that several
// concerns share. FUZZ_RUNS is the number of cases of each (few, and the same ones, unless set); FUZZ_SEED repeats a run.
import { test } from "node:test";

import fc from "fast-check";

const CASES = 300;
/** A case that takes longer hangs. */
const LONGEST_MS = 20_000;

const runs = Number(process.env.FUZZ_RUNS || CASES);
const seed = Number(process.env.FUZZ_SEED || (process.env.FUZZ_RUNS ? Date.now() % 2 ** 31 : 1));

/** `holds` gets one value of each arbitrary, and throws where the property does not hold. */
export function property(name, arbitraries, holds) {
  test(name, async (t) => {
    const started = performance.now();
    await fc.assert(
      fc.asyncProperty(...arbitraries, async (...values) => void (await holds(...values))),
      { numRuns: runs, seed, timeout: LONGEST_MS, includeErrorInReport: true },
    );
    t.diagnostic(`${runs} cases, seed ${seed}, ${((performance.now() - started) / 1000).toFixed(1)} s`);
  });
}

const encoder = new TextEncoder();

/** Bytes in pieces of these sizes, over and over, some hundred at most; the sizes may be 0. */
export function pieces(bytes, sizes) {
  if (sizes.every((size) => size === 0)) return [bytes];
  const scale = Math.ceil(bytes.length / 500);
  const parts = [];
  for (let place = 0, turn = 0; place < bytes.length; turn += 1) {
    const size = scale * sizes[turn % sizes.length];
    parts.push(bytes.subarray(place, place + size));
    place += size;
  }
  return parts;
}

export const sizes = fc.array(fc.nat(9), { maxLength: 6 });

/** Any text that UTF-8 can hold. */
export const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.string({ unit: "grapheme", maxLength: 12 }),
);

/** Any text that JSON can hold: lone surrogates too, which JSON.stringify escapes. */
export const jsText = fc.oneof(
  { weight: 4, arbitrary: text },
  {
    weight: 1,
    arbitrary: fc.constantFrom("\ud800", "a\udc00b", "\u0000", "\u2028", '"}', "__proto__", "data: x\n\n", "[DONE]"),
  },
);

/** Bytes that are almost server-sent events of a model: tokens of the format between arbitrary bytes. */
export const almostEvents = (...tokens) =>
  fc
    .array(
      fc.oneof(
        fc
          .constantFrom(
            "data",
            "data:",
            "data: ",
            ":",
            " ",
            "\n",
            "\r",
            "\r\n",
            "\n\n",
            "\uFEFF",
            "event: x\n",
            "é€😀",
            ...tokens,
          )
          .map((token) => encoder.encode(token)),
        fc.uint8Array({ maxLength: 6 }),
      ),
      { maxLength: 24 },
    )
    .map(joined);

export function joined(parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}

const NUMBERS = [
  "0",
  "-0",
  "1",
  "-1",
  "0.5",
  "1e999",
  "-1e999",
  "1e-999",
  "9007199254740993",
  "123456789012345678901234567890",
];
const nested = (open, close, depth) => `${open.repeat(depth)}1${close.repeat(depth)}`;

/** JSON as text, because a parsed value has no duplicate keys, no 1e999 and no order; keys are often `names`. */
export function jsonText(...names) {
  const key = fc.oneof(
    fc.constantFrom(
      ...names,
      "__proto__",
      "constructor",
      "toString",
      "hasOwnProperty",
      "toJSON",
      "length",
      "then",
      "0",
      "",
    ),
    jsText,
  );
  return fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      { weight: 3, arbitrary: fc.constantFrom("null", "true", "false", '""', "[]", "{}") },
      { weight: 3, arbitrary: jsText.map((held) => JSON.stringify(held)) },
      {
        weight: 2,
        arbitrary: fc.oneof(
          fc.constantFrom(...NUMBERS),
          fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
        ),
      },
      {
        weight: 1,
        arbitrary: fc
          .constantFrom(30, 62, 63, 64, 65, 3_000)
          .chain((depth) => fc.constantFrom(nested("[", "]", depth), nested('{"a":', "}", depth))),
      },
      { weight: 3, arbitrary: fc.array(tie("value"), { maxLength: 4 }).map((items) => `[${items.join(",")}]`) },
      { weight: 4, arbitrary: fc.array(fc.tuple(key, tie("value")), { maxLength: 5 }).map(objectText) },
    ),
  })).value;
}

/** JSON of pairs of a key and JSON; a key may come twice. */
export const objectText = (pairs) => `{${pairs.map(([key, held]) => `${JSON.stringify(key)}:${held}`).join(",")}}`;

/**
 * JSON of an object whose members are mostly as in `shape` (name -> arbitrary of JSON), some left out, and some anything.
 */
export function mutated(shape, any = jsonText(...Object.keys(shape))) {
  const member = ([name, valid]) =>
    fc.oneof(
      { weight: 12, arbitrary: valid.map((held) => [[name, held]]) },
      { weight: 1, arbitrary: any.map((held) => [[name, held]]) },
      { weight: 1, arbitrary: fc.constant([]) },
    );
  const extra = fc.oneof(
    { weight: 6, arbitrary: fc.constant([]) },
    {
      weight: 1,
      arbitrary: fc.array(
        fc.tuple(fc.oneof(fc.constantFrom(...Object.keys(shape), "__proto__", "constructor"), jsText), any),
        { maxLength: 2 },
      ),
    },
  );
  return fc.tuple(...Object.entries(shape).map(member), extra).map((members) => objectText(members.flat()));
}

/** JSON of values that are written as they are. */
export const literal = (...values) => fc.constantFrom(...values.map((value) => JSON.stringify(value)));
export const listOf = (item, most) => fc.array(item, { maxLength: most }).map((items) => `[${items.join(",")}]`);
