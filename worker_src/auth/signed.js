import { sha256, unhex, utf8 } from "../crypto/bytes.js";
import { hmacKey, verified } from "../crypto/hmac.js";
import { Nonces } from "../crypto/nonces.js";
import { EdgeError } from "../errors.js";
import { readText } from "../protocols/body.js";
import { signatureOf, signedText } from "./policy.js";
import { callerOf, refused } from "./scopes.js";

const HEADER = "x-edge-signature";

/** How far a signed request's time may be from now, as in Standard Webhooks (seconds). */
const WINDOW = 300;

/** Signed requests of one key within that time, for one isolate. */
const MOST_NONCES = 20_000;

/**
 * Signed requests instead of a bearer key: nothing that is sent lets anybody send more. Keys are the secret
 * `SIGNING_KEYS`, `{name: [key, ...]}`; a nonce is accepted once by an isolate, and what one
 * key's name uses up is no other's.
 * @throws {EdgeError} invalid_api_key, route_not_allowed, origin_not_allowed, misconfigured, request_too_large
 */
export function signatures(config) {
  const nonces = new Map();
  let loaded = null;
  return async (context, next) => {
    const header = context.request.headers.get(HEADER);
    if (header === null || context.route.public) return next();
    const given = signatureOf(header);
    if (!given) throw refused(`The header ${HEADER} is not of the form key=,t=,n=,v1=.`);
    loaded ??= await load(context.env.SIGNING_KEYS);
    const keys = loaded.get(given.key) ?? [];
    const text = await readText(context, config.limits.max_body_bytes);
    const signed = utf8(signedText(given, context.request.method, context.url, await sha256(text)));
    if (!(await anyVerifies(keys, unhex(given.v1), signed))) throw refused("The signature does not fit.");
    const now = Math.floor(Date.now() / 1000);
    if (Math.abs(now - given.t) > WINDOW) throw refused("The signature is more than five minutes old or early.");
    const caller = callerOf(given.key, config, context);
    if (!nonces.has(given.key)) nonces.set(given.key, new Nonces(MOST_NONCES));
    if (!nonces.get(given.key).take(given.n, now, given.t + WINDOW)) throw refused("The signature has been used before.");
    context.caller = { ...caller, signed: true };
    return next();
  };
}

async function anyVerifies(keys, signature, text) {
  let found = false;
  for (const key of keys) found = (await verified(key, signature, text)) || found;
  return found;
}

async function load(text) {
  try {
    const entries = Object.entries(JSON.parse(text));
    if (entries.length === 0) throw new Error("empty");
    const imported = entries.map(async ([name, keys]) => [name, await Promise.all(keys.map((key) => hmacKey(utf8(key))))]);
    return new Map(await Promise.all(imported));
  } catch {
    throw new EdgeError("misconfigured", "The proxy's signing keys are not configured.");
  }
}
