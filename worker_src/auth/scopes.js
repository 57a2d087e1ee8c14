import { EdgeError, checkScope } from "../errors.js";

/** A refusal to let somebody in, whatever the reason: it tells nothing of which keys there are. */
export const refused = (message) =>
  new EdgeError("invalid_api_key", message, { headers: { "www-authenticate": "Bearer" } });

/**
 * The caller that a known key stands for, if its scopes allow this request.
 * @param {string} name of the key
 * @param {object} config
 * @param {{route: {name: string}, request: Request}} context
 * @returns {{name: string, tenant: string, models: string[]|null, routes: string[]|null, expires: number|null}} expires:
 *   milliseconds since the epoch
 * @throws {EdgeError} invalid_api_key, route_not_allowed, origin_not_allowed
 */
export function callerOf(name, config, { route, request }) {
  const key = Object.hasOwn(config.auth.keys, name) ? config.auth.keys[name] : null;
  if (!key) throw refused("This key is not known here.");
  if (key.expires_ms !== undefined && Date.now() >= key.expires_ms) throw refused("This key has expired.");
  checkScope(key.routes, route.scope);
  if (key.origins && !key.origins.includes(request.headers.get("origin"))) {
    throw new EdgeError("origin_not_allowed", "This key may not be used from this origin.");
  }
  return { name, tenant: key.tenant, models: key.models ?? null, routes: key.routes ?? null, expires: key.expires_ms ?? null };
}
