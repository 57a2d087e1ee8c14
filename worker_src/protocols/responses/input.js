import { isAbsent, isObject, unsupported, wrong } from "../checks.js";

const ROLES = { user: "user", assistant: "assistant", system: "system", developer: "system" };

/**
 * The input of a response, a text or a list of items, as neutral messages.
 * @param {string|object[]} input
 * @throws {EdgeError} invalid_request, unsupported_parameter
 */
export function messagesOf(input) {
  if (typeof input === "string") return [{ role: "user", content: input }];
  if (!Array.isArray(input)) throw wrong("input", "must be a string or a list of items");
  const messages = [];
  input.forEach((item, index) => join(messages, itemOf(item, `input[${index}]`)));
  return messages;
}

const ITEMS = { message, function_call: call, function_call_output: output, reasoning: () => null };

function itemOf(item, at) {
  if (!isObject(item)) throw wrong(at, "must be an object");
  const type = item.type ?? "message";
  if (typeof type !== "string" || !Object.hasOwn(ITEMS, type)) {
    throw unsupported(`${at}.type`, `it must be one of ${Object.keys(ITEMS).join(", ")}`);
  }
  return ITEMS[type](item, at);
}

/**
 * Adds a message. Calls belong to the message of the turn that made them; a model's reasoning is not told to models again. In place: a
 * list that is copied for each item costs a long input's square.
 */
function join(messages, message) {
  if (message === null) return;
  const last = messages.at(-1);
  if (message.tool_calls && last?.role === "assistant") (last.tool_calls ??= []).push(...message.tool_calls);
  else messages.push(message);
}

function message({ role, content }, at) {
  if (typeof role !== "string" || !Object.hasOwn(ROLES, role)) throw wrong(`${at}.role`, `must be one of ${Object.keys(ROLES).join(", ")}`);
  if (typeof content !== "string" && !Array.isArray(content)) throw wrong(`${at}.content`, "must be a string or a list of parts");
  if (role === "assistant") return { role, ...said(content, `${at}.content`) };
  const kept = typeof content === "string" ? content : content.map((part, place) => partOf(part, `${at}.content[${place}]`));
  return { role: ROLES[role], content: kept };
}

/** What a model said: its text, and its refusal if there is one. */
function said(content, at) {
  if (typeof content === "string") return { content };
  const refusals = content.filter((part) => part?.type === "refusal").map(({ refusal }) => refusal);
  const texts = content.filter((part) => part?.type !== "refusal");
  return { content: text(texts, at), ...(refusals.length ? { refusal: refusals.join("") } : {}) };
}

function text(content, at) {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) throw wrong(at, "must be a string or a list of texts");
  return content.map((part, place) => textOf(part, `${at}[${place}]`)).join("");
}

function textOf(part, at) {
  if (!isObject(part)) throw wrong(at, "must be an object with a type");
  if (part.type !== "input_text" && part.type !== "output_text") throw unsupported(`${at}.type`, "it must be a text");
  if (typeof part.text !== "string") throw wrong(`${at}.text`, "must be a string");
  return part.text;
}

function call({ call_id: id, name, arguments: given }, at) {
  for (const [key, value] of Object.entries({ call_id: id, name, arguments: given })) {
    if (typeof value !== "string") throw wrong(`${at}.${key}`, "must be a string");
  }
  return { role: "assistant", content: null, tool_calls: [{ id, type: "function", function: { name, arguments: given } }] };
}

function output({ call_id: id, output: given }, at) {
  if (typeof id !== "string") throw wrong(`${at}.call_id`, "must be a string");
  return { role: "tool", tool_call_id: id, content: text(given, `${at}.output`) };
}

const PARTS = {
  input_text: (part, at) => ({ type: "text", text: textOf(part, at) }),
  output_text: (part, at) => ({ type: "text", text: textOf(part, at) }),
  input_image: image,
  input_file: file,
  input_audio: ({ input_audio: audio }) => ({ type: "input_audio", input_audio: audio }),
};

function partOf(part, at) {
  if (!isObject(part)) throw wrong(at, "must be an object with a type");
  if (typeof part.type !== "string" || !Object.hasOwn(PARTS, part.type)) {
    throw unsupported(`${at}.type`, `it must be one of ${Object.keys(PARTS).join(", ")}`);
  }
  return PARTS[part.type](part, at);
}

function image({ image_url: url, file_id: id, detail }, at) {
  if (!isAbsent(id)) throw unsupported(`${at}.file_id`, "no files are kept; send image_url");
  if (typeof url !== "string") throw wrong(`${at}.image_url`, "must be a string");
  return { type: "image_url", image_url: { url, ...(isAbsent(detail) ? {} : { detail }) } };
}

function file({ file_data: data, filename, file_id: id, file_url: url }, at) {
  for (const [key, value] of Object.entries({ file_id: id, file_url: url })) {
    if (!isAbsent(value)) throw unsupported(`${at}.${key}`, "no files are kept or fetched; send file_data");
  }
  if (typeof data !== "string") throw wrong(`${at}.file_data`, "must be a string");
  return { type: "file", file: { file_data: data, ...(isAbsent(filename) ? {} : { filename }) } };
}
