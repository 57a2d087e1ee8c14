/**
 * Runs steps as an onion. A step is `async (context, next) => Response`: it answers, or awaits `next()` and may
 * amend what comes back. The dispatcher knows no step.
 * @param {Array<(context: object, next: () => Promise<Response>) => Promise<Response>>} steps in order
 * @returns {(context: object) => Promise<Response>}
 */
export function compose(steps) {
  const run = async (context, index) => {
    const step = steps[index];
    if (!step) throw new Error("the pipeline ended without an answer");
    return step(context, () => run(context, index + 1));
  };
  return (context) => run(context, 0);
}
