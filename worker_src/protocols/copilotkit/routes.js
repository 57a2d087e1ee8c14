import { unwrap } from "./envelope.js";

/** A refusal in the shape that pages know. */
const failure = ({ code, message, status, headers }) => Response.json({ error: code, message }, { status, headers });

const chat = (name, endpoint) => ({ name: `copilotkit_${name}`, scope: "chat", failure, endpoint: `/copilotkit${endpoint}`, methods: ["POST"] });
const aside = (name, endpoint, method = "GET") => ({ ...chat(name, endpoint), methods: [method], aside: true });

/** The runtime's paths, and the one path of pages that know no other. */
export const ROUTES = [
  { ...chat("envelope", ""), known: "a 'method', as in {\"method\": \"info\"}", claims: (body) => body.method !== undefined, unwrap },
  chat("run", "/agent/{id}/run"),
  chat("suggest", "/agent/{id}/suggest"),
  aside("info", "/info"),
  aside("connect", "/agent/{id}/connect", "POST"),
  aside("stop", "/agent/{id}/stop/{thread}", "POST"),
  aside("threads", "/threads"),
  aside("messages", "/threads/{id}/messages"),
  aside("events", "/threads/{id}/events"),
  aside("state", "/threads/{id}/state"),
];
