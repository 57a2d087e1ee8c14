import { EdgeError } from "../errors.js";
import { bearer, hex, holder, unhex } from "./policy.js";

/**
 * Client keys: only keyed hashes are known here (secret `KEY_HASHES`). Whoever is not found is refused; without
 * a readable secret nobody is let in.
 * @throws {EdgeError} invalid_api_key, misconfigured
 */
export function auth(config) {
  let ready = null;
  return async (context, next) => {
    if (context.route.public) return next();
    const key = bearer(context.request.headers.get("authorization"));
    if (key === null) throw refused("Send your key as 'Authorization: Bearer KEY'.");
    ready ??= load(context.env.KEY_HASHES);
    const { secret, hashes } = await ready;
    const digest = hex(await crypto.subtle.sign("HMAC", secret, new TextEncoder().encode(key)));
    const name = holder(digest, hashes);
    const known = name !== null && Object.hasOwn(config.auth.keys, name) ? config.auth.keys[name] : null;
    if (!known) throw refused("This key is not known here.");
    context.caller = { name, tenant: known.tenant, models: known.models ?? null };
    return next();
  };
}

const refused = (message) =>
  new EdgeError("invalid_api_key", message, { headers: { "www-authenticate": "Bearer" } });

async function load(text) {
  try {
    const { pepper, keys } = JSON.parse(text);
    if (!/^[0-9a-f]{64}$/.test(pepper) || Object.keys(keys).length === 0) throw new Error("not of the expected form");
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    return { secret: await crypto.subtle.importKey("raw", unhex(pepper), algorithm, false, ["sign"]), hashes: keys };
  } catch {
    throw new EdgeError("misconfigured", "The proxy's keys are not configured.");
  }
}
