import { streamErrors } from "../upstream/stream_errors.js";
import { UpstreamFailure } from "../upstream/failure.js";
import { waitBefore } from "./policy.js";

/**
 * The last step: tries the model's targets in order until one gives its first byte. Nothing is remembered between
 * requests, so a target that recovers is used at once.
 */
export function fallback(config, upstream) {
  const settings = config.fallback;
  return (context) => streamErrors(() => plan(context, upstream, settings));
}

async function plan(context, upstream, settings) {
  const until = Date.now() + settings.deadline_ms;
  let failure = null;
  for (const target of context.chat.targets) {
    try {
      return await attempts(context, upstream, target, settings, until);
    } catch (thrown) {
      if (!(thrown instanceof UpstreamFailure)) throw thrown;
      failure = thrown;
    }
    if (!failure.rule.next || context.signal?.aborted || Date.now() >= until) break;
  }
  throw failure;
}

async function attempts(context, upstream, target, settings, until) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await upstream(context, target, context.signal);
    } catch (thrown) {
      const again = thrown instanceof UpstreamFailure && thrown.rule.retry && attempt < settings.attempts_per_target;
      if (!again || context.signal?.aborted) throw thrown;
      const wait = waitBefore({ attempt, retryAfter: thrown.retryAfter, left: until - Date.now(), settings, random: Math.random() });
      if (wait === null) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}
