// The whole app over small objects: real Request and Response, KV and AI as maps and functions.
import { createHash, createHmac, randomUUID } from "node:crypto";

import { budget } from "../../worker_src/alerts/budget.js";
import { alerts } from "../../worker_src/alerts/step.js";
import { createApp } from "../../worker_src/app.js";
import { signatures } from "../../worker_src/auth/signed.js";
import { auth } from "../../worker_src/auth/step.js";
import { breaker } from "../../worker_src/breaker/step.js";
import { cache } from "../../worker_src/cache/step.js";
import { continuation } from "../../worker_src/continuation/step.js";
import { cors } from "../../worker_src/cors/step.js";
import { drills } from "../../worker_src/drills/step.js";
import { encryption } from "../../worker_src/encryption/step.js";
import { fallback } from "../../worker_src/fallback/step.js";
import { limiter } from "../../worker_src/limits/limiter.js";
import { limits } from "../../worker_src/limits/step.js";
import { openai } from "../../worker_src/protocols/openai/protocol.js";
import { conversation } from "../../worker_src/sessions/conversation.js";
import { keptResponses } from "../../worker_src/sessions/kept.js";
import { sessions } from "../../worker_src/sessions/step.js";
import { summaries } from "../../worker_src/sessions/summary.js";
import { threads } from "../../worker_src/sessions/threads.js";
import { sockets } from "../../worker_src/sessions/upgrade.js";
import { streaming } from "../../worker_src/streaming/step.js";
import { telemetry } from "../../worker_src/telemetry/step.js";
import { reports } from "../../worker_src/usage/report.js";
import { usage } from "../../worker_src/usage/step.js";
import { openaiCompatible } from "../../worker_src/upstream/openai_compatible.js";
import { workersAi } from "../../worker_src/upstream/workers_ai.js";
import { BLOBS, DOUBLES } from "../../worker_src/usage/schema.js";
import { Objects } from "./objects.js";

export const KEYS = { ci: "sk-edge-ci", other: "sk-edge-other", narrow: "sk-edge-narrow" };
export const DRILL_SECRET = "d".repeat(64);
const PEPPER = createHash("sha256").update("pepper").digest();
const hash = (key) => createHmac("sha256", PEPPER).update(key).digest("hex");

export const TIMEOUTS = { connect_ms: 500, first_token_ms: 500, idle_ms: 500 };
export const target = (model, more = {}) => ({ upstream: "ai", model, timeouts: TIMEOUTS, continuation: "prefill", ...more });

export const FALLBACK = { attempts_per_target: 2, base_delay_ms: 1, max_delay_ms: 2, deadline_ms: 2_000, retry_ratio: 0.2, retry_burst: 10 };

export function configuration(changes = {}) {
  return {
    worker: "edge-test",
    environment: "dev",
    features: ["auth", "cache", "cors", "drills", "fallback", "streaming"],
    protocols: ["openai"],
    agents: { default: { model: null, instructions: null, tools: "client" }, terse: { model: "lone", instructions: "Be brief.", tools: "none" } },
    auth: { mode: "keys", keys: { ci: { tenant: "ci" }, other: { tenant: "other" }, narrow: { tenant: "ci", models: ["m"] } } },
    limits: { max_body_bytes: 20_000, max_messages: 20, max_input_tokens: null, max_output_tokens: null, rules: [], cache_hits: "free" },
    timeouts: TIMEOUTS,
    upstreams: { ai: { type: "workers-ai", gateway: null } },
    models: { m: { targets: [target("one"), target("two")] }, lone: { targets: [target("one")] } },
    aliases: { "@cf/a/b": "m" },
    default_model: "m",
    cache: { ttl_seconds: 60, memory_entries: 10, tool_calls: false },
    fallback: FALLBACK,
    breaker: { failures: 5, open_ms: 1_000, max_open_ms: 4_000, probe_ms: 200 },
    sessions: { overlap: "queue", on_disconnect: "keep", max_context_tokens: null, retention_seconds: 3_600, replay_seconds: 600 },
    cors: { origins: ["https://app.example"], max_age_seconds: 60 },
    ...changes,
  };
}

const OPTIONAL = { alerts, breaker, continuation, encryption, kept_responses: keptResponses, limits, reports, sessions, signatures, sockets, summaries, telemetry, threads, usage };

/**
 * `models`: what each model of the AI binding does, `(inputs, options) => Response`, or throws. `without` takes
 * features away, `including` adds some that are off by default.
 */
export function harness({ models = {}, config = {}, env = {}, without = [], including = [], protocols = {} } = {}) {
  const features = { auth, cache, cors, drills, fallback, streaming };
  for (const name of without) delete features[name];
  for (const name of including) features[name] = OPTIONAL[name];
  const app = createApp(configuration({ features: Object.keys(features), ...config }), {
    features,
    objects: { ...(including.includes("alerts") ? { Budget: budget } : {}), Conversation: conversation, Limiter: limiter },
    protocols: { openai, ...protocols },
    upstreams: { "workers-ai": workersAi, "openai-compatible": openaiCompatible },
  });
  const values = new Map();
  const calls = [];
  const waiting = [];
  const points = [];
  const bindings = {
    CONTENT_HASH: "ab".repeat(32),
    VERSION: { id: "11111111-2222-4333-8444-555555555555", tag: "", timestamp: "" },
    DRILL_SECRET,
    KEY_HASHES: JSON.stringify({ pepper: PEPPER.toString("hex"), keys: Object.fromEntries(Object.entries(KEYS).map(([name, key]) => [hash(key), name])) }),
    CACHE: {
      get: async (key) => (values.has(key) ? JSON.parse(values.get(key)) : null),
      put: async (key, value, options) => void values.set(key, value, options),
    },
    AI: {
      run: async (model, inputs, options) => {
        calls.push({ model, inputs, options });
        return (models[model] ?? answers("fine"))(inputs, options);
      },
    },
    USAGE: { writeDataPoint: (point) => void points.push(named(point)) },
    ...env,
  };
  bindings.CONVERSATION ??= new Objects((state) => new app.objects.Conversation(state, bindings));
  bindings.BUDGET ??= new Objects((state) => new app.objects.Budget(state, bindings));
  bindings.LIMITER ??= new Objects((state) => new app.objects.Limiter(state, bindings));
  const fetch = async (path, { method = "GET", key = KEYS.ci, headers = {}, body, signal } = {}) => {
    const all = { ...(key ? { authorization: `Bearer ${key}` } : {}), ...headers };
    const text = body === undefined || typeof body === "string" || body instanceof ReadableStream ? body : JSON.stringify(body);
    const duplex = body instanceof ReadableStream ? { duplex: "half" } : {};
    const request = new Request(`https://edge.example${path}`, { method, headers: all, body: text, signal, ...duplex });
    return app.fetch(request, bindings, { waitUntil: (promise) => waiting.push(promise) });
  };
  return {
    calls,
    points,
    values,
    objects: bindings.CONVERSATION,
    limiters: bindings.LIMITER,
    budgets: bindings.BUDGET,
    fetch,
    chat: (body, options = {}) => fetch("/v1/chat/completions", { method: "POST", body, ...options }),
    settled: () => Promise.all(waiting),
  };
}

/** A data point by its columns' names. */
function named({ indexes: [tenant], blobs, doubles }) {
  const values = (columns, given) => Object.keys(columns).map((name, place) => [name, given[place]]);
  return { tenant, ...Object.fromEntries([...values(BLOBS, blobs), ...values(DOUBLES, doubles)]) };
}

export const ask = (content, more = {}) => ({ messages: [{ role: "user", content }], ...more });

/** A model that answers `text`, whole or streamed as the request asks, in OpenAI's shape. */
export const answers = (text) => (inputs) => (inputs.stream ? sse(...openaiChunks(text)) : json(openaiAnswer(text)));

export const json = (value, status = 200, headers = {}) => Response.json(value, { status, headers });

export const openaiAnswer = (content) => ({
  choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
});

export const openaiChunks = (text) => [
  ...text.split(/(?<= )/).map((word) => ({ choices: [{ index: 0, delta: { content: word }, finish_reason: null }] })),
  { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
  { choices: [], usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } },
  "[DONE]",
];

/** A stream of events; what is not text becomes JSON, an Error ends the stream with it. */
export function sse(...events) {
  const bytes = new TextEncoder();
  const left = [...events];
  const body = new ReadableStream(
    {
      pull(controller) {
        if (!left.length) return controller.close();
        const event = left.shift();
        if (event instanceof Error) return controller.error(event);
        return controller.enqueue(bytes.encode(`data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`));
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

/** A stream whose events come when what stands before them has settled. */
export function paced(...parts) {
  const bytes = new TextEncoder();
  const left = [...parts];
  const pull = async (controller) => {
    let part = left.shift();
    if (part instanceof Promise) part = await part.then(() => left.shift());
    if (part === undefined) return controller.close();
    return controller.enqueue(bytes.encode(`data: ${typeof part === "string" ? part : JSON.stringify(part)}\n\n`));
  };
  return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }), { headers: { "content-type": "text/event-stream" } });
}

export const refuses = (status, internalCode, headers) => () => json({ internalCode, name: "AiError", description: "canary-upstream-text" }, status, headers);

/** The chunks of a streamed answer; `[DONE]` and errors as they are. */
export async function chunks(response) {
  const text = await response.text();
  return text.split("\n\n").filter(Boolean).map((frame) => frame.replace(/^id: \d+\n/, "").slice(6)).map((data) => (data === "[DONE]" ? data : JSON.parse(data)));
}

export const textOf = (list) => list.map((chunk) => chunk.choices?.[0]?.delta?.content ?? "").join("");

export function drill(fault, { t = Math.floor(Date.now() / 1000), n = randomUUID(), secret = DRILL_SECRET } = {}) {
  const sig = createHmac("sha256", secret).update(`${t}.${n}.${fault}`).digest("hex");
  return { "x-edge-drill": `t=${t},n=${n},fault=${fault},sig=${sig}` };
}

/** A seeded generator, so that what was found once is found again. */
export function random(seed) {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
