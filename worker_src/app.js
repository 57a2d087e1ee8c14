import { createContext } from "./context.js";
import { envelope } from "./envelope.js";
import { compose } from "./pipeline.js";
import { decode } from "./protocols/step.js";
import { pages } from "./routing/pages.js";
import { route } from "./routing/routes.js";
import { createUpstream } from "./upstream/call.js";
import { single } from "./upstream/step.js";

/**
 * The edge handler. Read this first: the list is the order in which every request is handled. A feature that the
 * stack does not enable is not imported by the entry, and its line falls away.
 *
 * @param {object} config the frozen configuration (ARCHITECTURE.md section 3)
 * @param {{features: object, protocols: object, upstreams: object}} parts what the stack enables
 * @returns {{fetch(request: Request, env: object, execution: object): Promise<Response>}}
 */
export function createApp(config, { features, protocols, upstreams }) {
  const { auth, breaker, cache, continuation, cors, drills, encryption, fallback, signatures, streaming } = features;
  const upstream = createUpstream(config, upstreams);
  const run = compose(
    [
      cors?.(config),
      envelope,
      route(),
      signatures?.(config),
      auth?.(config),
      pages(config),
      decode(config, protocols, streaming),
      drills?.(config),
      cache?.(config, encryption),
      fallback ? fallback(config, upstream, { breaker, continuation }) : single(config, upstream),
    ].filter(Boolean),
  );
  return {
    fetch: (request, env, execution) => run(createContext(request, env, execution, config)),
  };
}
