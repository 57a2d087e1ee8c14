import assert from "node:assert/strict";

import fc from "fast-check";

import { KEYS, harness } from "../fixture.js";
import { property } from "../property.js";

const keys = Object.values(KEYS);
const latin = fc
  .integer({ min: 0x20, max: 0xff })
  .filter((code) => code !== 0x7f)
  .map((code) => String.fromCharCode(code));
const words = fc.string({ unit: latin, maxLength: 20 });
const blank = fc.constantFrom("", " ", "  ", "\t", "\u00a0", ",", ":", "=", '"');

/** A key with one mistake in it, or none. */
const nearKey = fc.tuple(fc.constantFrom(...keys), fc.nat(20), latin, fc.nat(9)).map(([key, at, character, kind]) => {
  const place = at % key.length;
  const around = [key.slice(0, place), key.slice(place + 1)];
  const changed = [
    () => around.join(character),
    () => around.join(""),
    () => key.slice(0, place) + character + key.slice(place),
    () => key.slice(0, place),
    () => key + character,
    () => key + key,
    () => key.toUpperCase(),
    () => [...key].reverse().join(""),
  ];
  return changed[kind]?.() ?? key;
});
const scheme = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("Bearer", "bearer", "BEARER") },
  { weight: 2, arbitrary: fc.constantFrom("Basic", "Token", "", "Bearer Bearer") },
  { weight: 1, arbitrary: words },
);
const long = fc.constantFrom(513, 4_096, 65_536).map((length) => "x".repeat(length));
const credentials = fc.oneof(
  { weight: 6, arbitrary: nearKey },
  { weight: 2, arbitrary: words },
  { weight: 1, arbitrary: long },
);
const header = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        blank,
        scheme,
        fc.oneof({ weight: 3, arbitrary: fc.constantFrom(" ", "   ") }, { weight: 1, arbitrary: blank }),
        credentials,
        blank,
      )
      .map((held) => held.join("")),
  },
  { weight: 1, arbitrary: fc.string({ unit: latin, maxLength: 60 }) },
  { weight: 1, arbitrary: fc.constantFrom(...keys, ...keys.map((key) => `Bearer ${key}, Bearer ${key}`), "") },
);

/** Whether a header is `Bearer`, spaces and just a key, once HTTP's blanks around it are gone. */
function exact(value) {
  const [first, ...rest] = value.replace(/^[\t ]+|[\t ]+$/g, "").split(" ");
  return (
    first.toLowerCase() === "bearer" && rest.slice(0, -1).every((held) => held === "") && keys.includes(rest.at(-1))
  );
}

property(
  "only an exact key is let in, and everything else is refused in the same way",
  [header],
  async (authorization) => {
    const { fetch } = harness();
    const response = await fetch("/v1/models", { key: null, headers: { authorization } });
    const body = await response.json();
    if (exact(authorization)) {
      assert.equal(response.status, 200);
      return;
    }
    assert.equal(response.status, 401);
    assert.equal(response.headers.get("www-authenticate"), "Bearer");
    assert.deepEqual(
      [body.error.code, body.error.type, body.error.param],
      ["invalid_api_key", "authentication_error", null],
    );
    assert.ok(!JSON.stringify(body).includes("sk-edge"), "a key in the refusal");
  },
);
