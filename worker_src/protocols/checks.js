import { EdgeError } from "../errors.js";

export const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

export const isText = (value) => typeof value === "string";

export const isName = (value) => isText(value) && value !== "";

export const isFlag = (value) => typeof value === "boolean";

/** Whether a value is one of the words that a table has. */
export const isWordOf = (table, value) => isText(value) && Object.hasOwn(table, value);

/** A value that is none: clients write `null` for what they leave out. */
export const isAbsent = (value) => value === undefined || value === null;

/** A field that breaks its rule, e.g. `wrong("input", "must be a string")`. */
export const wrong = (param, rule) => new EdgeError("invalid_request", `'${param}' ${rule}.`, { param });

/**
 * Fields that are given must be of their kinds.
 * @param {object} given
 * @param {Record<string, [fits: (value: unknown) => boolean, words: string]>} kinds
 * @param {string} [at] what stands before their names
 * @throws {EdgeError} invalid_request
 */
export function checkFields(given, kinds, at = "") {
  for (const [name, [fits, words]] of Object.entries(kinds)) {
    if (!isAbsent(given[name]) && !fits(given[name])) throw wrong(`${at}${name}`, `must be ${words}`);
  }
}

/** What describes a function to a model, beside its name. */
export const TOOL = { description: [isText, "a string"], parameters: [isObject, "a JSON schema"], strict: [isFlag, "true or false"] };

/** A field that means something elsewhere, and what to do instead, e.g. `unsupported("background", "send no background")`. */
export const unsupported = (param, fix) => new EdgeError("unsupported_parameter", `'${param}' is not supported here: ${fix}.`, { param });

/** A part of a message, a tool or the like that is of a type that is not taken. */
export const unsupportedType = ({ type }, param) =>
  new EdgeError("unsupported_parameter", `'${param}' is of a type that is not supported here: ${isText(type) ? type.slice(0, 64) : "none"}.`, { param });

/** Ids that callers make up are kept in rows of an object, and come back as they are: longer than any client's. */
const MOST_ID = 1_024;

/** @throws {EdgeError} invalid_request: the id of a run, a message or the like is none */
export function checkId(value, param) {
  if (!isText(value) || value === "" || value.length > MOST_ID || !value.isWellFormed()) throw wrong(param, `must be a string of 1 to ${MOST_ID} characters`);
  return value;
}

/** The strings that each object of a list must have: `checkTexts(list, "context", ["value"])`. */
export function checkTexts(list, param, fields) {
  for (const [index, each] of list.entries()) {
    for (const field of fields) if (!isText(each[field])) throw wrong(`${param}[${index}].${field}`, "must be a string");
  }
}

const ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** What the id of a conversation, which its caller chooses, must be. */
export const CONVERSATION_ID = "1 to 128 of the characters A-Z a-z 0-9 . _ : -, and no `.` or `..`";
export const isConversationId = (text) => ID.test(text) && !/^\.{1,2}$/.test(text);

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
