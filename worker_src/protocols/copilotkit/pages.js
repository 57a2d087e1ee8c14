import { EdgeError } from "../../errors.js";
import { listed, resumed } from "../../streaming/lists.js";
import { encoder } from "../ag_ui/encoder.js";
import { messagesOf } from "../ag_ui/messages.js";
import { agentOf } from "../agents.js";
import { jsonObject, readText } from "../body.js";
import { wrong } from "../checks.js";
import { STREAM } from "../step.js";
import { infoOf } from "./info.js";

/** Threads of a page, where it says nothing else, and at most. */
const LISTED = 50;
const MOST_LISTED = 100;

/** What a page shows where a run was stopped. */
const INTERRUPT = { type: "RUN_ERROR", message: "Run stopped by user", code: "STOPPED" };

const UNKEPT = "This proxy keeps no conversations";
const FIX = "Fix: set sessions.enabled: true in the stack file.";


/**
 * What pages ask beside runs. Without conversations no run can be reached from another request: there is nothing to come back to or
 * to stop, and there are no threads.
 */
export function pages(config, { threads, relay }) {
  const asked = async (context) => {
    const text = await readText(context, config.limits.max_body_bytes);
    return text === "" ? {} : jsonObject(text);
  };

  async function connect(context) {
    agentOf(config, context.route.parameters[0]);
    const { threadId, protocolVersion: version = null } = await asked(context);
    if (typeof threadId !== "string" || threadId === "") throw wrong("threadId", "must be a string");
    const talk = await threads?.(context).talk(threadId);
    return talk ? replayed(context, { threadId, version }, talk) : new Response("", { headers: STREAM });
  }

  /** The talk in one list, and the run that goes on from its first event to its end. */
  async function replayed(context, { threadId, version }, { messages, active }) {
    const { chat, lines } = active ? await threads(context).follow(threadId, active.id) : { chat: {}, lines: listed([]) };
    const run = { threadId, runId: active?.client ?? crypto.randomUUID(), version };
    const history = { done: false, value: [{ type: "history", messages: messagesOf(messages) }] };
    return new Response(relay(resumed(history, lines), encoder({ ...chat, run })), { headers: STREAM });
  }

  async function stop(context) {
    const [agent, thread] = context.route.parameters;
    agentOf(config, agent);
    const { runId = null } = await asked(context);
    if (runId !== null && typeof runId !== "string") throw wrong("runId", "must be a string");
    if (!threads) return Response.json({ stopped: false, message: `${UNKEPT}, so that no run can be stopped from here. ${FIX}` });
    const stopped = await threads(context).stop(thread, runId);
    return Response.json(stopped ? { stopped, interrupt: INTERRUPT } : { stopped, message: `No active run for thread '${thread.slice(0, 128)}'.` });
  }

  async function list(context) {
    const { searchParams: query } = context.url;
    const limit = limitOf(query.get("limit"));
    const { data, more } = await kept(context).list({ agent: query.get("agentId") ?? "", limit, after: query.get("cursor"), cursor: "cursor" });
    return Response.json({ threads: data.map(shown), nextCursor: more ? data.at(-1).id : null });
  }

  /** The caller's threads, where there are any. */
  function kept(context) {
    if (!threads) throw new EdgeError("not_found", `${UNKEPT}, so that there are no threads. ${FIX}`);
    return threads(context);
  }

  async function talkOf(context) {
    const [id] = context.route.parameters;
    const talk = await kept(context).talk(id);
    if (!talk) throw new EdgeError("not_found", `There is no thread '${id.slice(0, 128)}'.`);
    return talk;
  }

  return {
    copilotkit_info: (context) => Response.json(infoOf(config, { threads: threads !== undefined, single: context.request.method === "POST" })),
    copilotkit_connect: connect,
    copilotkit_stop: stop,
    copilotkit_threads: list,
    copilotkit_messages: async (context) => Response.json({ messages: messagesOf((await talkOf(context)).messages).map(brief) }),
    copilotkit_events: async (context) => Response.json({ events: eventsOf(context.route.parameters[0], messagesOf((await talkOf(context)).messages)) }),
    copilotkit_state: async (context) => {
      await talkOf(context);
      return Response.json({ state: null });
    },
  };
}

function limitOf(text) {
  if (text === null) return LISTED;
  if (!/^\d{1,3}$/.test(text) || Number(text) < 1 || Number(text) > MOST_LISTED) throw wrong("limit", `must be a whole number from 1 to ${MOST_LISTED}`);
  return Number(text);
}

const iso = (milliseconds) => new Date(milliseconds).toISOString();

const shown = ({ id, agent, created, touched }) => ({
  id,
  name: null,
  agentId: agent,
  organizationId: "",
  createdById: "",
  archived: false,
  createdAt: iso(created),
  updatedAt: iso(touched),
});

/** A message as lists of threads have it: calls without their wrapping. */
const brief = ({ id, role, content, toolCalls, toolCallId }) => ({
  id,
  role,
  content,
  toolCalls: toolCalls?.map(({ id: call, function: { name, arguments: args } }) => ({ id: call, name, args })),
  toolCallId,
});

/** The events by which a page would have the talk as it is now. */
function eventsOf(threadId, messages) {
  const written = encoder({ run: { threadId, runId: crypto.randomUUID(), version: null } });
  const frames = written.encode({ type: "history", messages }) + written.end;
  return frames.split("\n\n").filter(Boolean).map((frame) => JSON.parse(frame.slice("data: ".length)));
}
