// The ratelimit binding: a fixed window, counted in this process. The real one counts per place and is as approximate.
const windows = new Map();

/**
 * @param {{rule: {namespace: string, limit: number, period: number}}} env period in seconds
 * @returns {{limit: (options: {key: string}) => Promise<{success: boolean}>}}
 */
export default function rateLimit({ rule }) {
  return {
    async limit({ key }) {
      const window = Math.floor(Date.now() / 1000 / rule.period);
      const name = JSON.stringify([rule.namespace, key]);
      const seen = windows.get(name);
      const count = seen?.window === window ? seen.count + 1 : 1;
      windows.set(name, { window, count });
      return { success: count <= rule.limit };
    },
  };
}
