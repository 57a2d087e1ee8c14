import { unwrap } from "./envelope.js";

/** A refusal in the shape that pages know. */
const failure = ({ code, message, status, headers }) => Response.json({ error: code, message }, { status, headers });

const chat = (name, endpoint) => ({ name: `copilotkit_${name}`, scope: "chat", failure, endpoint: `/copilotkit${endpoint}`, methods: ["POST"] });
const aside = (name, endpoint, method = "GET") => ({ ...chat(name, endpoint), methods: [method], aside: true });
/** What reads any thread of the tenant needs more than a page's key has to have. */
const listing = (name, endpoint) => ({ ...aside(name, `/threads${endpoint}`), scope: "conversations" });

/** The runtime's paths, and the one path of pages that know no other. */
export const ROUTES = [
  { ...chat("envelope", ""), known: "a 'method', as in {\"method\": \"info\"}", claims: (body) => body.method !== undefined, unwrap },
  chat("run", "/agent/{id}/run"),
  chat("suggest", "/agent/{id}/suggest"),
  aside("info", "/info"),
  aside("connect", "/agent/{id}/connect", "POST"),
  aside("stop", "/agent/{id}/stop/{thread}", "POST"),
  ...[listing("threads", ""), listing("messages", "/{id}/messages"), listing("events", "/{id}/events"), listing("state", "/{id}/state")],
];
