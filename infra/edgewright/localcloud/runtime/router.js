// In front of every deployed Worker: picks the script by host and route, the version by share or override header,
// and gives the request what Cloudflare's edge would. PLAN is rendered by runtime/config.py.
const escape = (text) => text.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*");

export default {
  async fetch(request, env) {
    const plan = env.PLAN;
    const url = new URL(request.url);
    const host = (request.headers.get("host") ?? url.host).replace(/:\d+$/, "").toLowerCase();
    const name = script(plan, host, url.pathname, request.headers.get("x-local-worker"));
    const deployed = plan.scripts[name];
    if (!deployed) return missing(plan, host);
    const version = pick(deployed, override(request, name));
    const outer = new URL(url.pathname + url.search, `https://${host}`);
    const headers = new Headers(request.headers);
    headers.set("cf-connecting-ip", "127.0.0.1");
    headers.set("cf-ray", `${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}-LOC`);
    headers.delete("x-local-worker");
    const cf = { colo: "LOC", country: "XX", asn: 64496, city: "Local", httpProtocol: "HTTP/1.1", timezone: "Etc/UTC" };
    const sent = new Request(outer, { method: request.method, headers, body: request.body, redirect: "manual", signal: request.signal });
    return env[version.binding].fetch(sent, { cf });
  },
};

function script(plan, host, path, asked) {
  if (plan.hosts[host]) return plan.hosts[host];
  const route = plan.routes.find(({ pattern }) => new RegExp(`^${escape(pattern)}$`).test(host + path));
  if (route) return route.script;
  const names = Object.keys(plan.scripts);
  return names.length === 1 ? names[0] : asked;
}

function override(request, name) {
  const header = request.headers.get("cloudflare-workers-version-overrides") ?? "";
  for (const part of header.split(",")) {
    const match = /^\s*([\w-]+)\s*=\s*"?([0-9a-f-]+)"?\s*$/.exec(part);
    if (match && match[1] === name) return match[2];
  }
  return null;
}

function pick({ versions }, wanted) {
  const named = versions.find(({ id }) => id === wanted);
  if (named) return named;
  let left = Math.random() * 100;
  return versions.find(({ percentage }) => (left -= percentage) < 0) ?? versions.at(-1);
}

function missing(plan, host) {
  const names = Object.keys(plan.scripts);
  const hint = names.length ? `name one in the header x-local-worker: ${names.join(", ")}` : "deploy one first";
  return new Response(`No Worker answers for ${host}; ${hint}.\n`, { status: 404 });
}
