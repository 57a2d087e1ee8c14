/**
 * What a data point holds: the index is the tenant, the rest stands in these columns in this order (`blob1`, `double1`, ...). Read
 * by the writer, the report, `edgewright usage` and the docs. A place that was once released keeps its meaning: add at the
 * end. Limits of Analytics Engine: 20 blobs, 20 doubles, one index of 96 bytes, 16,000 bytes of blobs.
 */
export const BLOBS = Object.freeze({
  kind: "`request`; `leg`: a call whose answer broke off before another went on; `summary`: one of a conversation",
  request_id: "as in `x-request-id`",
  key: "name of the client key",
  user: "the caller's own name of its user (`safety_identifier` or `user`)",
  protocol: "the front end's protocol",
  model: "public model name",
  target: "`<upstream>/<model>` that answered",
  upstream: "the target's upstream",
  cache: "`HIT`, `MISS`, `COALESCED`, `BYPASS`; `REPLAY`: a turn that was sent again; empty where there is no cache",
  outcome: "`ok`, `refused` (no model was asked), `failed`, `cancelled` (the caller left, or stopped the run)",
  error: "error code; empty if none",
  country: "of the caller",
  colo: "Cloudflare's data centre",
  version: "first 16 hex digits of the Worker's content hash",
  version_id: "Cloudflare's id of the Worker's version; of a conversation's turn, of the one that its object runs",
});

export const DOUBLES = Object.freeze({
  status: "HTTP status; of a stream that failed, the error's",
  attempts: "upstream calls made",
  tokens_in: "prompt tokens that upstreams counted",
  tokens_out: "completion tokens that upstreams counted",
  tokens_cached: "prompt tokens that the upstream had cached",
  tokens_reasoning: "completion tokens that were reasoning",
  estimated: "1 if the tokens are estimated, because no upstream told them",
  first_byte_ms: "until the first event of the answer",
  total_ms: "until the last",
  upstream_ms: "until the upstream's first event",
  chunks: "pieces of text passed on",
  bytes: "UTF-8 bytes of that text",
  cost: "US dollars",
  saved: "US dollars that the cache saved",
  tokens_saved: "tokens that the cache saved",
  neurons: "of Workers AI",
  stream: "1 if streamed",
  conversation: "1 if a turn of a conversation",
  fallback: "1 if another target than the model's first answered",
});

const place = (columns, kind) => Object.keys(columns).map((name, index) => [name, `${kind}${index + 1}`]);

/** Name -> column. */
export const COLUMNS = Object.freeze({ tenant: "index1", ...Object.fromEntries([...place(BLOBS, "blob"), ...place(DOUBLES, "double")]) });

/**
 * What a report adds up, as SQL over these columns. A sampled point stands for `_sample_interval` points, so that everything is
 * weighted by that. A request's own point is one of kind `request`; what legs and summaries used counts too.
 */
export const AMOUNTS = Object.freeze({
  requests: "SUM(if({kind} = 'request', _sample_interval, 0))",
  ok: "SUM(if({kind} = 'request' AND {outcome} = 'ok', _sample_interval, 0))",
  failed: "SUM(if({kind} = 'request' AND {outcome} = 'failed', _sample_interval, 0))",
  refused: "SUM(if({kind} = 'request' AND {outcome} = 'refused', _sample_interval, 0))",
  cancelled: "SUM(if({kind} = 'request' AND {outcome} = 'cancelled', _sample_interval, 0))",
  hits: "SUM(if({kind} = 'request' AND {cache} IN ('HIT', 'COALESCED'), _sample_interval, 0))",
  fallbacks: "SUM(if({kind} = 'request' AND {fallback} = 1, _sample_interval, 0))",
  turns: "SUM(if({kind} = 'request' AND {conversation} = 1, _sample_interval, 0))",
  calls: "SUM(_sample_interval * {attempts})",
  tokens_in: "SUM(_sample_interval * {tokens_in})",
  tokens_out: "SUM(_sample_interval * {tokens_out})",
  tokens_cached: "SUM(_sample_interval * {tokens_cached})",
  tokens_reasoning: "SUM(_sample_interval * {tokens_reasoning})",
  cost: "SUM(_sample_interval * {cost})",
  saved: "SUM(_sample_interval * {saved})",
  tokens_saved: "SUM(_sample_interval * {tokens_saved})",
  neurons: "SUM(_sample_interval * {neurons})",
  sample_interval: "MAX(_sample_interval)",
});

/** Latencies of answers: of points for which `ANSWERED` holds. */
export const ANSWERED = "{kind} = 'request' AND {outcome} = 'ok'";
export const LATENCIES = Object.freeze({
  first_byte_p50_ms: "quantileExactWeighted(0.5)({first_byte_ms}, _sample_interval)",
  first_byte_p95_ms: "quantileExactWeighted(0.95)({first_byte_ms}, _sample_interval)",
  first_byte_p99_ms: "quantileExactWeighted(0.99)({first_byte_ms}, _sample_interval)",
  total_p50_ms: "quantileExactWeighted(0.5)({total_ms}, _sample_interval)",
  total_p95_ms: "quantileExactWeighted(0.95)({total_ms}, _sample_interval)",
  total_p99_ms: "quantileExactWeighted(0.99)({total_ms}, _sample_interval)",
});
