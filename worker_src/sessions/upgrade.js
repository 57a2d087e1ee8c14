import { hex, sha256, unhex, utf8 } from "../crypto/bytes.js";
import { hmac, hmacKey, verified } from "../crypto/hmac.js";
import { EdgeError } from "../errors.js";
import { Remote } from "./remote.js";
import { Sockets } from "./socket.js";
import { idOf } from "./turn.js";

const ROUTES = [
  { name: "socket", scope: "conversations", endpoint: "/v1/conversations/{id}/socket", methods: ["GET"] },
  { name: "tickets", scope: "conversations", endpoint: "/v1/conversations/{id}/tickets", methods: ["POST"] },
];

/** The subprotocol, which a client that offers any must offer; a ticket is offered beside it. */
const PROTOCOL = "edgewright";
const TICKET = "ticket.";
const NONCE_BYTES = 32;

/** What a socket's caller may weigh: it is kept beside the socket (characters of JSON). */
const MOST_CALLER = 8_000;

/**
 * WebSockets of conversations, the Worker's side: who may open one. The other end of each is the conversation's object.
 * `admit` stands before authentication, because a ticket is shown instead of a key.
 * @returns {{routes: object[], admit: Function, pages: object, Sockets: Function}}
 */
export function sockets(config) {
  return { routes: ROUTES, admit: admit(config.cors?.origins ?? []), pages: { socket, tickets }, Sockets };
}

function admit(origins) {
  return async (context, next) => {
    if (context.route.name !== "socket") return next();
    const { headers } = context.request;
    if ((headers.get("upgrade") ?? "").toLowerCase() !== "websocket") {
      throw new EdgeError("upgrade_required", "This address is for WebSockets.", { headers: { upgrade: "websocket" } });
    }
    checkOrigin(headers.get("origin"), context.url.origin, origins);
    const ticket = offered(context).find((protocol) => protocol.startsWith(TICKET))?.slice(TICKET.length);
    if (!ticket) return next();
    // The tenant is part of the ticket, so that it leads to the object that knows whether it is true.
    const tenant = ticket.slice(0, ticket.lastIndexOf("."));
    if (!(await isOurs(context, tenant, ticket))) throw new EdgeError("invalid_api_key", "This ticket is not one of this proxy, or is for another conversation.");
    return opened(context, new Remote({ env: context.env, caller: { tenant } }), { ticket: await sha256(ticket) });
  };
}

/** A page may use a socket where it might read answers: browsers do not ask before they open one. */
function checkOrigin(origin, own, origins) {
  if (origin === null || origin === own || origins.includes(origin) || origins.includes("*")) return;
  throw new EdgeError("origin_not_allowed", "This origin is not in cors.origins of the stack.");
}

const offered = ({ request }) => (request.headers.get("sec-websocket-protocol") ?? "").split(",").map((each) => each.trim());

function socket(context) {
  const caller = JSON.stringify(context.caller);
  if (caller.length > MOST_CALLER) throw new EdgeError("invalid_request", "This key lists too many models for a socket.");
  return opened(context, new Remote(context), { caller });
}

/** A ticket says itself that it was made here, so that nobody wakes an object with one that was made up. */
async function isOurs(context, tenant, ticket) {
  const tail = ticket.slice(tenant.length + 1);
  const [nonce, signature] = [tail.slice(0, 2 * NONCE_BYTES), tail.slice(2 * NONCE_BYTES)];
  return verified(await sealKey(context), unhex(signature), sealed(context, tenant, nonce));
}

const seal = async (context, tenant, nonce) => hmac(await sealKey(context), sealed(context, tenant, nonce));
const sealed = ({ route: { parameters: [id] } }, tenant, nonce) => utf8(JSON.stringify([id, tenant, nonce]));
const sealKey = ({ env }) => hmacKey(utf8(`tickets ${env.KEY_HASHES ?? ""}`));

async function opened(context, remote, who) {
  const id = idOf(context.route.parameters[0]);
  const { webSocket } = await remote.upgrade(id, { conversation: id, ...who });
  const chosen = offered(context).includes(PROTOCOL) ? { "sec-websocket-protocol": PROTOCOL } : {};
  return new Response(null, { status: 101, webSocket, headers: { ...chosen, "x-edge-conversation": id } });
}

async function tickets(context) {
  const id = idOf(context.route.parameters[0]);
  const { tenant } = context.caller;
  const nonce = hex(crypto.getRandomValues(new Uint8Array(NONCE_BYTES)));
  const ticket = `${tenant}.${nonce}${hex(await seal(context, tenant, nonce))}`;
  const body = { hash: await sha256(ticket), caller: context.caller };
  const { expires } = await (await new Remote(context).ask(id, "tickets", { body })).json();
  return Response.json({ object: "ticket", ticket, expires_at: Math.floor(expires / 1000) }, { status: 201, headers: { "cache-control": "no-store" } });
}
