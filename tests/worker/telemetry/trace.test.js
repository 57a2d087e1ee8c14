import assert from "node:assert/strict";
import { test } from "node:test";

import { drawn, parentOf, traces } from "../../../worker_src/telemetry/trace.js";
import { PARENT, TRACE } from "./collected.js";

test("a traceparent is read as W3C writes it", () => {
  const parent = { traceId: TRACE, spanId: PARENT };
  assert.deepEqual(parentOf(`00-${TRACE}-${PARENT}-01`), { ...parent, sampled: true });
  assert.deepEqual(parentOf(`00-${TRACE}-${PARENT}-00`), { ...parent, sampled: false });
  assert.deepEqual(parentOf(`00-${TRACE}-${PARENT}-03`), { ...parent, sampled: true });
  assert.deepEqual(parentOf(`00-${TRACE}-${PARENT}-02`), { ...parent, sampled: false });
  assert.deepEqual(parentOf(`cc-${TRACE}-${PARENT}-01-what-the-future-adds`), { ...parent, sampled: true });
});

test("what is no traceparent begins a trace of its own", () => {
  const wrong = [
    null, "", "x", `00-${TRACE}-${PARENT}`, `00-${TRACE}-${PARENT}-1`, `00-${TRACE}-${PARENT}-01-more`, `ff-${TRACE}-${PARENT}-01`,
    `00-${"0".repeat(32)}-${PARENT}-01`, `00-${TRACE}-${"0".repeat(16)}-01`, `00-${TRACE.toUpperCase()}-${PARENT}-01`,
    `00-${TRACE}-${PARENT}-01, 00-${TRACE}-${PARENT}-01`, `00-${TRACE}-${PARENT}-01.`, `0-${TRACE}-${PARENT}-01`,
  ];
  for (const header of wrong) assert.equal(parentOf(header), null, header);
});

test("new traces are drawn by their id, at the share that is asked for", () => {
  assert.equal(drawn("f".repeat(32), 0), false);
  assert.equal(drawn("0".repeat(32), 1), true);
  assert.equal(drawn(`${"0".repeat(19)}8${"0".repeat(12)}`, 0.5), true);
  assert.equal(drawn(`${"f".repeat(19)}7${"f".repeat(12)}`, 0.5), false);
  const request = () => ({ headers: new Headers() });
  const of = (ratio) => Array.from({ length: 4_000 }, () => traces(ratio)(request()).sampled).filter(Boolean).length;
  assert.equal(of(0), 0);
  assert.equal(of(1), 4_000);
  assert.ok(Math.abs(of(0.25) - 1_000) < 200); // seven standard deviations
});

test("ids are new for each request and the same for one", () => {
  const trace = traces(1);
  const request = { headers: new Headers() };
  assert.deepEqual(trace(request), trace(request));
  const { traceId, spanId, parentSpanId } = trace(request);
  assert.match(traceId, /^[0-9a-f]{32}$/);
  assert.match(spanId, /^[0-9a-f]{16}$/);
  assert.equal(parentSpanId, undefined);
  assert.notEqual(trace({ headers: new Headers() }).traceId, traceId);
});
