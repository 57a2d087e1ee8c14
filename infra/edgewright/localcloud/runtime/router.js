// The local cloud's edge: which Worker answers a request (custom domain, route, workers.dev, `/~name`, the only one or
// the first), and in which version (override header, else by share). Bindings: TABLE, and one service per version,
// named by its id.

const OVERRIDES = "Cloudflare-Workers-Version-Overrides";
const VERSION_KEY = "Cloudflare-Workers-Version-Key";
const NAMED = "x-local-worker";
const LOOPBACK = new Set(["127.0.0.1", "localhost", "[::1]"]);
const BELOW = /^\/~([^/]+)/;

export default {
  async fetch(request, env) {
    // Cloudflare's edge refuses a Host or path that makes no URL before any Worker sees it.
    if (!URL.canParse(request.url)) return new Response("Bad Request", { status: 400 });
    const url = new URL(request.url);
    const found = findWorker(env.TABLE, url, request.headers.get(NAMED));
    if (found.refusal) return refuse(found.refusal);
    if (found.bound) url.protocol = "https:";
    if (found.below) url.pathname = url.pathname.replace(BELOW, "") || "/";
    const version = pickVersion(found.worker, env.TABLE.workers[found.worker], request.headers);
    const forwarded = new Request(url, request);
    forwarded.headers.delete(NAMED);
    forwarded.headers.set("cf-connecting-ip", "127.0.0.1");
    forwarded.headers.set("cf-ray", `${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}-LOC`);
    return env[version].fetch(forwarded, { cf: properties(request) });
  },
};

/**
 * @returns {{worker?: string, bound?: boolean, below?: boolean, refusal?: string}} bound: by its host, so the URL is
 *   public; below: by the first part of the path, which is not the Worker's
 */
function findWorker(table, url, named) {
  const host = url.hostname;
  const owner = table.domains[host] ?? routeOf(table.routes, host, url.pathname + url.search);
  if (owner !== undefined) {
    if (owner && table.workers[owner]) return { worker: owner, bound: true };
    return { refusal: `${host} leads to ${owner ? `Worker '${owner}', which is not deployed` : "no Worker"}` };
  }
  const names = Object.keys(table.workers);
  const below = BELOW.exec(url.pathname)?.[1];
  if (below !== undefined && table.workers[below]) return { worker: below, below: true };
  if (named !== null) {
    return table.workers[named] ? { worker: named } : { refusal: `${NAMED}: no Worker '${named}' is deployed` };
  }
  if (names.length === 1) return { worker: names[0] };
  if (LOOPBACK.has(host) && table.workers[table.first]) return { worker: table.first };
  if (names.length === 0) return { refusal: "no Worker is deployed" };
  return { refusal: `${host} is bound to no Worker; name one of ${names.join(", ")} in the header ${NAMED}` };
}

/** The Worker of the most specific route, null for a route without one, undefined where none matches. */
function routeOf(routes, host, path) {
  for (const { pattern, worker } of routes) {
    const slash = pattern.indexOf("/");
    const hostPart = slash < 0 ? pattern : pattern.slice(0, slash);
    const pathPart = slash < 0 ? "/" : pattern.slice(slash);
    if (matchesHost(hostPart, host) && matchesPath(pathPart, path)) return worker;
  }
  return undefined;
}

function matchesHost(pattern, host) {
  return pattern.startsWith("*") ? host.endsWith(pattern.slice(1)) : host === pattern;
}

function matchesPath(pattern, path) {
  return pattern.endsWith("*") ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}

/** The id of the version that answers. An override counts only for a version that is live. */
function pickVersion(worker, versions, headers) {
  const wanted = override(headers.get(OVERRIDES), worker);
  if (versions.some(({ id }) => id === wanted)) return wanted;
  const key = headers.get(VERSION_KEY);
  let at = (key === null ? Math.random() : fraction(key)) * 100;
  for (const { id, percentage } of versions) {
    at -= percentage;
    if (at < 0) return id;
  }
  return versions.find(({ percentage }) => percentage > 0).id;
}

/** The version that `worker="id"` names in a structured-field dictionary. */
function override(header, worker) {
  for (const member of (header ?? "").split(",")) {
    const [name, value] = member.split("=");
    if (name.trim() === worker && value) return value.trim().replace(/^"|"$/g, "");
  }
  return undefined;
}

/** A key to the same number in [0, 1) each time, so that one caller stays on one version: FNV-1a, then mixed well. */
function fraction(key) {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(key)) hash = Math.imul(hash ^ byte, 0x01000193);
  for (const factor of [0x85ebca6b, 0xc2b2ae35]) hash = Math.imul(hash ^ (hash >>> 15), factor);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

function properties(request) {
  return {
    ...request.cf,
    colo: "LOC",
    country: "XX",
    continent: "EU",
    timezone: "Etc/UTC",
    httpProtocol: "HTTP/1.1",
    tlsVersion: "",
    asOrganization: "Edgewright local cloud",
  };
}

function refuse(reason) {
  return new Response(`Edgewright local cloud: ${reason}.\n`, { status: 404, headers: { "x-local-error": "no-worker" } });
}
