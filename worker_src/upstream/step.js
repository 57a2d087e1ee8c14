import { deadline } from "./deadline.js";

/** The last step where fallback is off: the model's first target, once. */
export function single(_config, upstream) {
  return (context) => upstream(context, context.chat.targets[0], { until: deadline(context, Infinity) });
}
