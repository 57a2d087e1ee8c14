import { createContext } from "./context.js";
import { envelope } from "./envelope.js";
import { compose } from "./pipeline.js";
import { decode } from "./protocols/step.js";
import { forms } from "./routing/forms.js";
import { pages } from "./routing/pages.js";
import { ROUTES, finder, route } from "./routing/routes.js";
import { createUpstream } from "./upstream/call.js";
import { single } from "./upstream/step.js";

/**
 * The edge handler. Read this first: the lists are the order in which every request is handled. A feature that the
 * stack does not enable is not imported by the entry, and its line falls away. A turn of a conversation is answered by
 * its object: there, the second list goes on.
 *
 * @param {object} config the frozen configuration (ARCHITECTURE.md section 3)
 * @param {{features: object, protocols: object, upstreams: object, objects: object, document?: string}} parts what the stack enables
 * @returns {{fetch(request: Request, env: object, execution: object): Promise<Response>, objects: object}} the handler
 *   and the classes of its Durable Objects
 */
export function createApp(config, { features, protocols, upstreams, objects = {}, document = null }) {
  const { alerts, auth, breaker, cache, continuation, cors, drills, encryption, fallback, kept_responses: keptResponses, limits, openapi, reports, sessions, signatures, sockets, streaming, summaries, telemetry, threads, usage } = features;
  const upstream = createUpstream(config, upstreams);
  const relay = streaming?.(config);
  const socket = sockets?.(config);
  const addressed = keptResponses?.(Object.values(protocols), relay);
  const session = sessions?.(config, { protocols, relay, sockets: socket, kept: addressed });
  const thread = threads?.();
  const used = usage?.(config, { alerts: alerts?.(config), telemetry: telemetry?.(config) });
  const report = reports?.(config);
  const described = openapi?.(document);
  const routes = [...ROUTES, ...[...Object.values(protocols), session, used, report, described].flatMap((each) => each?.routes ?? [])];
  const find = finder(routes);
  const served = Object.values(protocols).map((each) => each.pages?.(config, { threads: thread?.of, relay }));
  const limit = limits?.(config);
  const kept = cache?.(config, encryption);
  const answer = [
    used?.answers,
    ...(config.limits.cache_hits === "charged" ? [limit, kept] : [kept, limit]),
    fallback ? fallback(config, upstream, { breaker, continuation }) : single(config, upstream),
  ].filter(Boolean);
  const run = compose(
    [
      cors?.(config),
      envelope,
      route(find),
      used?.requests,
      socket?.admit,
      signatures?.(config),
      auth?.(config),
      forms(config, find),
      pages(config, routes, Object.assign({}, used?.pages, report?.pages, described?.pages, ...served)),
      session?.pages,
      decode(config, protocols, relay),
      drills?.(config),
      session?.turn,
      ...answer,
    ].filter(Boolean),
  );
  return {
    fetch: (request, env, execution) => run(createContext(request, env, execution, config)),
    objects: Object.fromEntries(Object.entries(objects).map(([name, make]) => [name, make(config, compose(answer), { sockets: socket, goesOn: addressed?.goesOn, summarise: summaries?.(config), relisted: thread?.relisted, lost: used?.lost })])),
  };
}
