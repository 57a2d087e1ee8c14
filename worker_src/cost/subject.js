/** Characters of a user's name that tell it from others. */
const LONGEST_USER = 256;

/** A user by what tells it from others. */
export const shortened = (user) => user.slice(0, LONGEST_USER);

/**
 * Whose use a rule or a budget counts; null if it is not for this request.
 * @param {{per: "key"|"tenant"|"user", keys: string[]|null, models: string[]|null}} rule
 * @param {{key: string, user: string|null, model: string}} request
 */
export function subjectOf({ per, keys, models }, { key, user, model }) {
  if ((keys && !keys.includes(key)) || (models && !models.includes(model))) return null;
  if (per === "key") return `key ${key}`;
  if (per === "tenant") return "tenant";
  return user ? `user ${shortened(user)}` : null;
}
