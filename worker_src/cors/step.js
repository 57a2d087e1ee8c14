/**
 * Lets listed browser origins read every answer, errors and streams included. A preflight carries no key, so it is
 * answered before authentication. A page may send credentials where its origin is listed as it is, and not by `*` alone.
 */
export function cors(config) {
  const { origins, max_age_seconds: maxAge } = config.cors;
  const any = origins.includes("*");
  return async (context, next) => {
    const origin = context.request.headers.get("origin");
    const allowed = origin !== null && (any || origins.includes(origin));
    const { method, headers } = context.request;
    const preflight = method === "OPTIONS" && headers.has("access-control-request-method");
    const response = preflight ? new Response(null, { status: 204 }) : await next();
    response.headers.append("vary", "Origin");
    if (!allowed) return response;
    const exact = origins.includes(origin);
    response.headers.set("access-control-allow-origin", exact ? origin : "*");
    if (exact) response.headers.set("access-control-allow-credentials", "true");
    if (preflight) {
      response.headers.set("access-control-allow-methods", "GET, POST, PATCH, DELETE, OPTIONS");
      response.headers.set("access-control-allow-headers", headers.get("access-control-request-headers") ?? "");
      response.headers.set("access-control-max-age", String(maxAge));
    } else {
      response.headers.set("access-control-expose-headers", exposed(response));
    }
    return response;
  };
}

const exposed = (response) =>
  [...response.headers.keys()].filter((name) => /^(x-|request-id$|age$|retry-after$|server-timing$)/.test(name)).join(", ");
