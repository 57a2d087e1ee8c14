/** For headers and reports: which target answered, every call made, what cache and breaker said, milliseconds, further headers. */
export const newFacts = () => ({ target: null, calls: [], cache: null, age: null, breaker: [], upstream_ms: null, headers: {} });

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;

/**
 * The record of one request; steps read and fill it.
 * @param {Request} request
 * @param {object} env bindings
 * @param {{waitUntil(promise: Promise<unknown>): void}} execution
 * @param {object} config the frozen configuration
 */
export function createContext(request, env, execution, config) {
  const given = request.headers.get("x-request-id") ?? "";
  return {
    request,
    env,
    config,
    url: new URL(request.url),
    id: REQUEST_ID.test(given) ? given : `req_${crypto.randomUUID().replaceAll("-", "")}`,
    started: Date.now(),
    signal: request.signal,
    waitUntil: (promise) => execution.waitUntil(promise),
    /** Work that goes on after all else, and that nothing waits for. */
    afterwards: (promise) => execution.waitUntil(promise),
    /** Who calls: set by auth; without auth everybody is one tenant. */
    caller: { name: "anonymous", tenant: "public", models: null, routes: null, expires: null },
    route: null,
    /** The conversation that this is a turn of, in its object. */
    conversation: null,
    /** The body's text, once it has been read. */
    body: null,
    /** The neutral chat request, set by the protocol. */
    chat: null,
    drill: null,
    facts: newFacts(),
  };
}
