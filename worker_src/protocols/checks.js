import { EdgeError } from "../errors.js";

export const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** A value that is none: clients write `null` for what they leave out. */
export const isAbsent = (value) => value === undefined || value === null;

/** A field that breaks its rule, e.g. `wrong("input", "must be a string")`. */
export const wrong = (param, rule) => new EdgeError("invalid_request", `'${param}' ${rule}.`, { param });

/** A field that means something elsewhere, and what to do instead, e.g. `unsupported("background", "send no background")`. */
export const unsupported = (param, fix) => new EdgeError("unsupported_parameter", `'${param}' is not supported here: ${fix}.`, { param });

/**
 * Carries out `work`, whose refusals name neutral fields, and names them as the caller wrote them.
 * @param {Record<string, string>} names neutral field -> the protocol's
 */
export function named(names, work) {
  try {
    return work();
  } catch (thrown) {
    const told = Object.hasOwn(names, thrown.param) ? names[thrown.param] : null;
    if (told === null) throw thrown;
    throw new EdgeError(thrown.code, thrown.message.replace(`'${thrown.param}'`, `'${told}'`), { param: told });
  }
}
