import { unhex, utf8 } from "../crypto/bytes.js";
import { hmacKey, verified } from "../crypto/hmac.js";
import { Nonces } from "../crypto/nonces.js";
import { EdgeError } from "../errors.js";
import { UpstreamFailure, classify } from "../upstream/failure.js";
import { WINDOW, parse } from "./policy.js";

/** Drills of one isolate within their window. */
const MOST_NONCES = 10_000;

/** What the first target does under each fault: throw a failure, or answer. */
const FAULTS = {
  error_500: () => fail(classify(500)),
  rate_limited: () => fail(new UpstreamFailure("rate_limited", { retryAfter: 0 })),
  unavailable: () => fail(classify(503)),
  timeout: () => fail(new UpstreamFailure("timeout")),
  reset: () => fail(new UpstreamFailure("network")),
  cut: ({ chat }) => (chat.stream ? cut() : fail(new UpstreamFailure("truncated"))),
};

function fail(failure) {
  throw failure;
}

/**
 * Fault drills on a deployed proxy: a signed header makes the first target of that one request fail in a named way.
 * @throws {EdgeError} invalid_drill
 */
export function drills() {
  const nonces = new Nonces(MOST_NONCES);
  return async (context, next) => {
    const header = context.request.headers.get("x-edge-drill");
    if (header === null) return next();
    const drill = parse(header);
    const now = Math.floor(Date.now() / 1000);
    if (!drill || !Object.hasOwn(FAULTS, drill.fault)) throw invalid("is not of the form t=,n=,fault=,sig=, or names no fault");
    if (!(await signed(drill, context.env.DRILL_SECRET))) throw invalid("is not signed with this stack's secret");
    if (Math.abs(now - drill.t) > WINDOW) throw invalid("is more than a minute old or early");
    if (!nonces.take(drill.n, now, drill.t + WINDOW)) throw invalid("has been used before");
    const [first] = context.chat.targets;
    context.drill = { fault: drill.fault, backend: (target) => (target === first ? async (call) => FAULTS[drill.fault](call) : null) };
    return next();
  };
}

const invalid = (rule) => new EdgeError("invalid_drill", `The header x-edge-drill ${rule}.`);

async function signed({ t, n, fault, sig }, secret) {
  if (!secret) return false;
  return verified(await hmacKey(utf8(secret)), unhex(sig), utf8(`${t}.${n}.${fault}`));
}

/** A stream that ends without its end. */
function cut() {
  const chunk = (text) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: text }, finish_reason: null }] })}\n\n`;
  return new Response(chunk("This answer ") + chunk("breaks "), { headers: { "content-type": "text/event-stream" } });
}
