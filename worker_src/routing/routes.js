import { EdgeError } from "../errors.js";

/**
 * Routes that every stack has beside those of its protocols. `methods` lead to the route's `name`, `scope` is what a key needs for it, `public` ones
 * need no key, `failure(error, id)` is the answer to a refusal of the request with this id where it is not OpenAI's, `id_header` a further header
 * that tells the id. `endpoint` is the path as people write it. Routes of the same path are told apart by the body (routing/forms.js): each has a
 * `claims(body)`. One that its callers mark in their headers, `marked(headers)`, stands for all until the body is read, so that they are refused in
 * its shape. Requests of an `aside` route are no chats, whatever their scope.
 */
export const ROUTES = [
  { name: "models", scope: "models", endpoint: "/v1/models", methods: ["GET", "HEAD"] },
  { name: "model", scope: "models", endpoint: "/v1/models/{id...}", methods: ["GET", "HEAD"] },
  { name: "health", endpoint: "/health", methods: ["GET", "HEAD"], public: true },
  { name: "capabilities", endpoint: "/.well-known/edgewright", methods: ["GET", "HEAD"], public: true },
];

/** Methods and paths of routes, for the capabilities document. */
export function endpoints(routes) {
  const written = ({ endpoint, methods }) => methods.filter((method) => method !== "HEAD").map((method) => `${method} ${endpoint.replace("...", "")}`);
  return [...new Set(routes.flatMap(written))];
}

/** `{x}` is one part of a path, `{x...}` all that is left of it. */
const PART = /(\{\w+(?:\.\.\.)?\})/;

function pattern({ endpoint }) {
  const parts = endpoint.split(PART).map((text) => {
    if (text.startsWith("{")) return text.includes("...") ? "(.+)" : "([^/]+)";
    return text.replaceAll(".", "\\.");
  });
  return new RegExp(`^${parts.join("")}$`);
}

/** Finds the route of a request, by what `finder` gives. */
export function route(find) {
  return async (context, next) => {
    find(context, context.request.method, context.url.pathname);
    return next();
  };
}

/**
 * Sets `context.route` to `{name, scope, public, aside, failure, id_header, endpoint, forms, parameters}`; `forms` are the routes that share its path.
 * @returns {(context: object, method: string, pathname: string) => void}
 * @throws {EdgeError} not_found, method_not_allowed (with Allow)
 */
export function finder(routes) {
  const formsOf = ({ endpoint }) => routes.filter((each) => each.claims && each.endpoint === endpoint);
  const known = routes.map((each) => ({ ...each, pattern: pattern(each), forms: formsOf(each) }));
  return (context, method, pathname) => {
    const path = pathname.length > 1 ? pathname.replace(/\/+$/, "") : "/";
    const first = known.find((candidate) => candidate.pattern.test(path));
    if (!first) throw path === "/" ? new EdgeError("not_found", "This is an AI proxy: its API is under /v1.") : nothingAt(path);
    const found = first.forms.find(({ marked }) => marked?.(context.request.headers)) ?? first;
    context.route = { ...taken(found), forms: first.forms, parameters: path.match(first.pattern).slice(1).map(decoded) };
    if (found.methods.includes(method)) return;
    const allow = found.methods.join(", ");
    throw new EdgeError("method_not_allowed", `${method} is not allowed on ${path}; use ${allow}.`, { headers: { allow } });
  };
}

/** The refusal of a path that no route has. */
export const nothingAt = (path) => new EdgeError("not_found", `There is no ${path} here; GET /.well-known/edgewright tells what there is.`);

/** What steps know of a route. */
export function taken({ name, endpoint, scope = null, public: open = false, aside = false, failure = null, id_header = null }) {
  return { name, endpoint, scope, public: open, aside, failure, id_header };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
