import { EdgeError } from "../errors.js";
import { endpoints } from "./routes.js";

/** Answers routes in one piece: models, health, capabilities, and what features add. */
export function pages(config, routes, more) {
  const names = [...Object.keys(config.models), ...Object.keys(config.aliases)];
  const handlers = {
    health: () => Response.json({ status: "ok" }),
    capabilities: (context) => Response.json(capabilities(config, routes, context.env)),
    models: (context) => Response.json({ object: "list", data: allowed(names, config, context).map(model) }),
    model: (context) => {
      const name = context.route.parameters[0];
      if (!allowed(names, config, context).includes(name)) {
        throw new EdgeError("model_not_found", `The model '${name}' does not exist.`, { param: "model" });
      }
      return Response.json(model(name));
    },
    ...more,
  };
  return async (context, next) => handlers[context.route.name]?.(context) ?? next();
}

const model = (id) => ({ id, object: "model", created: 0, owned_by: "edgewright" });

function allowed(names, config, { caller }) {
  return caller.models ? names.filter((name) => caller.models.includes(config.aliases[name] ?? name)) : names;
}

function capabilities(config, routes, env) {
  return {
    name: config.worker,
    environment: config.environment,
    hash: env.CONTENT_HASH ?? null,
    features: config.features,
    protocols: config.protocols,
    endpoints: endpoints(routes),
    limits: { max_body_bytes: config.limits.max_body_bytes },
  };
}
