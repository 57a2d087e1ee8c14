import { EdgeError } from "../errors.js";

/**
 * Routes that every stack has beside those of its protocols. `methods` lead to the route's `name`, `scope` is what a key needs for it, `public` ones
 * need no key, `failure(error, id)` is the answer to a refusal of the request with this id where it is not OpenAI's, `id_header` a further header
 * that tells the id. `endpoint` is the path as people write it.
 */
export const ROUTES = [
  { name: "models", scope: "models", endpoint: "/v1/models", methods: ["GET", "HEAD"] },
  { name: "model", scope: "models", endpoint: "/v1/models/{id...}", methods: ["GET", "HEAD"] },
  { name: "health", endpoint: "/health", methods: ["GET", "HEAD"], public: true },
  { name: "capabilities", endpoint: "/.well-known/edgewright", methods: ["GET", "HEAD"], public: true },
];

/** Methods and paths of routes, for the capabilities document. */
export const endpoints = (routes) =>
  routes.flatMap(({ endpoint, methods }) => methods.filter((method) => method !== "HEAD").map((method) => `${method} ${endpoint.replace("...", "")}`));

/** `{x}` is one part of a path, `{x...}` all that is left of it. */
const PART = /(\{\w+(?:\.\.\.)?\})/;

function pattern({ endpoint }) {
  const parts = endpoint.split(PART).map((text) => {
    if (text.startsWith("{")) return text.includes("...") ? "(.+)" : "([^/]+)";
    return text.replaceAll(".", "\\.");
  });
  return new RegExp(`^${parts.join("")}$`);
}

/**
 * Finds the route of a request and sets `context.route` to `{name, scope, public, parameters, failure, id_header}`.
 * @throws {EdgeError} not_found, method_not_allowed (with Allow)
 */
export function route(routes) {
  const known = routes.map((each) => ({ ...each, pattern: pattern(each) }));
  return async (context, next) => {
    const path = context.url.pathname.length > 1 ? context.url.pathname.replace(/\/+$/, "") : "/";
    const found = known.find((candidate) => candidate.pattern.test(path));
    if (!found) throw new EdgeError("not_found", path === "/" ? "This is an AI proxy: its API is under /v1." : `There is no ${path} here.`);
    const { name, scope = null, public: open = false, failure = null, id_header = null } = found;
    context.route = { name, scope, public: open, failure, id_header, parameters: path.match(found.pattern).slice(1).map(decoded) };
    if (!found.methods.includes(context.request.method)) {
      const allow = found.methods.join(", ");
      const message = `${context.request.method} is not allowed on ${path}; use ${allow}.`;
      throw new EdgeError("method_not_allowed", message, { headers: { allow } });
    }
    return next();
  };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
