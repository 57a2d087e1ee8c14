import { hex, unhex, utf8 } from "../crypto/bytes.js";
import { hmac, hmacKey } from "../crypto/hmac.js";
import { EdgeError } from "../errors.js";
import { holder, keyOf } from "./policy.js";
import { callerOf, refused } from "./scopes.js";

/** Most keys whose check an isolate remembers; there are not more in a stack worth its name. */
const MOST_KNOWN = 1_000;

/**
 * Client keys: only keyed hashes are known here (secret `KEY_HASHES`). Whoever is not found is refused; without
 * a readable secret nobody is let in. A key that was found is remembered, so that its hash is not taken again; its
 * scopes are looked at each time.
 * @throws {EdgeError} invalid_api_key, route_not_allowed, origin_not_allowed, misconfigured
 */
export function auth(config) {
  const known = new Map();
  let loaded = null;
  const nameOf = async (key, env) => {
    loaded ??= await load(env.KEY_HASHES);
    const { secret, hashes } = loaded;
    const name = holder(hex(await hmac(secret, utf8(key))), hashes);
    if (name !== null && known.size < MOST_KNOWN) known.set(key, name);
    return name;
  };
  return async (context, next) => {
    if (context.route.public || context.caller.signed) return next();
    const key = keyOf(context.request.headers);
    if (key === null) throw refused("Send your key as 'Authorization: Bearer KEY' or as 'x-api-key: KEY'.");
    const name = known.get(key) ?? (await nameOf(key, context.env));
    if (name === null) throw refused("This key is not known here.");
    context.caller = callerOf(name, config, context);
    return next();
  };
}

async function load(text) {
  try {
    const { pepper, keys } = JSON.parse(text);
    if (!/^[0-9a-f]{64}$/.test(pepper) || Object.keys(keys).length === 0) throw new Error("not of the expected form");
    return { secret: await hmacKey(unhex(pepper)), hashes: keys };
  } catch {
    throw new EdgeError("misconfigured", "The proxy's keys are not configured.");
  }
}
