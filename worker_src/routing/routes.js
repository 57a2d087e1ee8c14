import { EdgeError } from "../errors.js";

/** Every route: path pattern -> methods -> name and the scope that a key needs. `public` ones need no key. */
const ROUTES = [
  { name: "chat", scope: "chat", pattern: /^\/v1\/chat\/completions$/, methods: ["POST"] },
  { name: "models", scope: "models", pattern: /^\/v1\/models$/, methods: ["GET", "HEAD"] },
  { name: "model", scope: "models", pattern: /^\/v1\/models\/(.+)$/, methods: ["GET", "HEAD"] },
  { name: "health", pattern: /^\/health$/, methods: ["GET", "HEAD"], public: true },
  { name: "capabilities", pattern: /^\/\.well-known\/edgewright$/, methods: ["GET", "HEAD"], public: true },
];

/** The paths of all routes, for the capabilities document. */
export const ENDPOINTS = [
  "POST /v1/chat/completions",
  "GET /v1/models",
  "GET /v1/models/{id}",
  "GET /health",
  "GET /.well-known/edgewright",
];

/**
 * Finds the route of a request and sets `context.route` to `{name, scope, public, parameter}`.
 * @throws {EdgeError} not_found, method_not_allowed (with Allow)
 */
export function route() {
  return async (context, next) => {
    const path = context.url.pathname.length > 1 ? context.url.pathname.replace(/\/+$/, "") : "/";
    const found = ROUTES.find((candidate) => candidate.pattern.test(path));
    if (!found) throw new EdgeError("not_found", `There is no ${path} here.`);
    if (!found.methods.includes(context.request.method)) {
      const allow = found.methods.join(", ");
      const message = `${context.request.method} is not allowed on ${path}; use ${allow}.`;
      throw new EdgeError("method_not_allowed", message, { headers: { allow } });
    }
    const { name, scope = null, public: open = false } = found;
    context.route = { name, scope, public: open, parameter: decoded(path.match(found.pattern)[1]) };
    return next();
  };
}

function decoded(text) {
  try {
    return text === undefined ? null : decodeURIComponent(text);
  } catch {
    return text;
  }
}
