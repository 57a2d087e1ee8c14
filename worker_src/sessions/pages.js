import { EdgeError } from "../errors.js";
import { wrong } from "../protocols/checks.js";
import { STREAM } from "../protocols/step.js";
import { Lines } from "./lines.js";
import { Remote, keptChat } from "./remote.js";

const LIST = { scope: "conversations", methods: ["GET"] };

export const ROUTES = [
  { ...LIST, name: "conversations", endpoint: "/v1/conversations" },
  { ...LIST, name: "conversation", endpoint: "/v1/conversations/{id}", methods: ["GET", "DELETE"] },
  { ...LIST, name: "export", endpoint: "/v1/conversations/{id}/export" },
  { ...LIST, name: "run", endpoint: "/v1/conversations/{id}/runs/{run}" },
  { ...LIST, name: "events", endpoint: "/v1/conversations/{id}/runs/{run}/events" },
  { ...LIST, name: "stop", endpoint: "/v1/conversations/{id}/runs/{run}/stop", methods: ["POST"] },
];

const MOST_LISTED = 100;

/** Answers the routes of conversations and their runs. */
export function pages({ protocols, relay, more }) {
  const handlers = { conversations, conversation, export: exported, run, stop, events: (context) => events(context, protocols.openai, relay), ...more };
  return async (context, next) => handlers[context.route.name]?.(context) ?? next();
}

async function conversations(context) {
  const { searchParams: query } = context.url;
  const limit = number(query.get("limit") ?? "20", "limit", MOST_LISTED);
  if (limit === 0) throw wrong("limit", "must be at least 1");
  const { data, more } = await (await new Remote(context).list({ limit, after: query.get("after") })).json();
  return Response.json({
    object: "list",
    data: data.map(({ id, created, touched }) => ({ id, object: "conversation", created_at: seconds(created), updated_at: seconds(touched) })),
    has_more: more,
  });
}

async function conversation(context) {
  const [id] = context.route.parameters;
  const { method } = context.request;
  const held = await (await new Remote(context).ask(id, "conversation", { body: { deleting: method === "DELETE" } })).json();
  if (method === "DELETE") return Response.json({ id, object: "conversation.deleted", deleted: true });
  return Response.json({
    id,
    object: "conversation",
    created_at: seconds(held.created),
    updated_at: seconds(held.touched),
    expires_at: seconds(held.expires),
    summary: held.summary,
    messages: held.messages.map(({ run: of, status, message }) => ({ ...message, run: of, status })),
    runs: held.runs.map(shown),
  });
}

/** The messages that models are told of, one JSON a line. */
async function exported(context) {
  const [id] = context.route.parameters;
  const { messages } = await (await new Remote(context).ask(id, "conversation")).json();
  const lines = messages.filter(({ told }) => told).map(({ message }) => `${JSON.stringify(message)}\n`);
  const headers = { "content-type": "application/jsonl; charset=utf-8", "content-disposition": `attachment; filename="${id}.jsonl"` };
  return new Response(lines.join(""), { headers });
}

/** The ids of a conversation and of a run of it; what was never made up here is not looked for. */
function namesOf({ route: { parameters: [id, name] } }) {
  if (!/^run_[0-9a-f]{32}$/.test(name)) throw new EdgeError("not_found", "There is no such conversation or run.");
  return [id, name];
}

async function run(context) {
  const [id, name] = namesOf(context);
  return Response.json(shown(await (await new Remote(context).ask(id, `runs/${name}`)).json()));
}

async function stop(context) {
  const [id, name] = namesOf(context);
  return Response.json(shown(await (await new Remote(context).ask(id, `runs/${name}/stop`)).json()));
}

/** The events of a run behind `starting_after` or `Last-Event-ID`, the same bytes as at first, live to its end. */
async function events(context, protocol, relay) {
  if (!relay) throw new EdgeError("unsupported_parameter", "Streaming is off on this proxy.");
  const [id, name] = namesOf(context);
  const asked = context.url.searchParams.get("starting_after") ?? context.request.headers.get("last-event-id") ?? "0";
  const after = number(asked, "starting_after");
  const lines = new Lines(await new Remote(context).ask(id, `runs/${name}/events`, { body: { after, reader: crypto.randomUUID() } }));
  const chat = keptChat(await lines.head());
  return new Response(relay(lines, protocol.encoder(chat)), { headers: { ...STREAM, "x-edge-conversation": id, "x-edge-run": name } });
}

function shown({ id, status, created, ended, model, facts, previous, replayable, first, last }) {
  return {
    id,
    object: "conversation.run",
    status,
    model,
    created_at: seconds(created),
    ended_at: ended === null ? null : seconds(ended),
    first_event: first,
    last_event: last,
    replayable,
    previous,
    calls: facts?.calls ?? [],
  };
}

const seconds = (milliseconds) => Math.floor(milliseconds / 1000);

function number(text, param, most = Number.MAX_SAFE_INTEGER) {
  if (!/^\d{1,16}$/.test(text) || Number(text) > most) throw wrong(param, `must be a whole number up to ${most}`);
  return Number(text);
}
