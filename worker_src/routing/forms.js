import { EdgeError } from "../errors.js";
import { readJson } from "../protocols/body.js";
import { finder, taken } from "./routes.js";

const JSON_TYPE = /^application\/([\w.+-]+\+)?json\s*(;|$)/i;

/**
 * Routes that share a path: the first whose `claims(body)` is true takes the request; `known` says in words what it needs. One that is but
 * an envelope has `unwrap(body)`, which gives `{method, path, body}` of the request it stands for. That is one below the envelope's own
 * path, where all routes have one scope: whoever asks has been let in by then.
 * @throws {EdgeError} unsupported_media_type, invalid_request, not_found, method_not_allowed
 */
export function forms(config, routes) {
  const find = finder(routes);
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
    if (form.unwrap) unwrapped(form.unwrap(body));
    return next();

    function unwrapped({ method, path, body: inner }) {
      const url = new URL(`${endpoint}${path}`, context.url);
      if (!url.pathname.startsWith(`${endpoint}/`)) throw new EdgeError("not_found", `There is no ${url.pathname} here.`);
      find(context, method, url.pathname);
      Object.assign(context, { url, body: inner });
    }
  };
}
