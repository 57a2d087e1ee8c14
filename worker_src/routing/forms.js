import { EdgeError, checkScope } from "../errors.js";
import { readJson } from "../protocols/body.js";
import { nothingAt, taken } from "./routes.js";

const JSON_TYPE = /^application\/([\w.+-]+\+)?json\s*(;|$)/i;

/**
 * Routes that share a path: the first whose `claims(body)` is true takes the request; `known` says in words what it needs. One that is but
 * an envelope has `unwrap(body)`, which gives `{method, path, body}` of the request it stands for, below the envelope's own path.
 * @throws {EdgeError} unsupported_media_type, invalid_request, not_found, method_not_allowed, route_not_allowed
 */
export function forms(config, find) {
  return async (context, next) => {
    const { forms: shared, endpoint, parameters } = context.route;
    if (shared.length === 0) return next();
    if (!JSON_TYPE.test(context.request.headers.get("content-type") ?? "")) {
      throw new EdgeError("unsupported_media_type", "The body must be JSON: send it with 'content-type: application/json'.");
    }
    const body = await readJson(context, config.limits.max_body_bytes);
    const form = shared.find(({ claims }) => claims(body));
    if (!form) throw new EdgeError("invalid_request", `The body is of no form that is known here: it needs ${shared.map(({ known }) => known).join(" or ")}.`);
    context.route = { ...taken(form), forms: [], parameters };
    if (form.unwrap) unwrapped(context, form.unwrap(body), endpoint, find);
    return next();
  };
}

/** Makes a request the one that its envelope stands for. Whoever asks was let in to the envelope, not yet to that. */
function unwrapped(context, { method, path, body }, endpoint, find) {
  const url = new URL(`${endpoint}${path}`, context.url);
  if (!url.pathname.replace(/\/+$/, "").startsWith(`${endpoint}/`)) throw nothingAt(url.pathname);
  find(context, method, url.pathname);
  checkScope(context.caller.routes, context.route.scope);
  Object.assign(context, { url, body });
}
