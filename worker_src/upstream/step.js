import { streamErrors } from "./stream_errors.js";

/** The last step where fallback is off: the model's first target, once. */
export function single(_config, upstream) {
  return async (context) => {
    const [target] = context.chat.targets;
    return streamErrors(() => upstream(context, target, context.signal));
  };
}
