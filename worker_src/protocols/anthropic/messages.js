import { isAbsent, isObject, isWordOf, unsupportedType, wrong } from "../checks.js";

/** What models thought in turns before: the next model is not told. */
const THOUGHTS = new Set(["thinking", "redacted_thinking"]);

/**
 * The instructions and messages of a request as OpenAI's.
 * @param {{system?: string|object[], messages: object[]}} body
 * @throws {EdgeError} invalid_request, unsupported_parameter: naming the block
 */
export function messagesOf({ system, messages }) {
  if (!Array.isArray(messages) || !messages.length) return messages;
  const told = isAbsent(system) ? "" : textOf(blocksOf(system, "system"));
  return [...(told ? [{ role: "system", content: told }] : []), ...messages.flatMap(message)];
}

const TURNS = { user: asked, assistant: said, system: (blocks) => [{ role: "system", content: textOf(blocks) }] };

function message(each, index) {
  const at = `messages[${index}]`;
  if (!isObject(each)) throw wrong(at, "must be an object");
  if (!isWordOf(TURNS, each.role)) throw wrong(`${at}.role`, `must be one of ${Object.keys(TURNS).join(", ")}`);
  return TURNS[each.role](blocksOf(each.content, `${at}.content`), `${at}.content`);
}

/** Content as blocks, each with its place. */
function blocksOf(content, at) {
  if (typeof content === "string") return [{ block: { type: "text", text: content }, at }];
  if (!Array.isArray(content)) throw wrong(at, "must be a string or a list of blocks");
  return content.map((block, place) => {
    if (!isObject(block) || typeof block.type !== "string") throw wrong(`${at}[${place}]`, "must be an object with a type");
    return { block, at: `${at}[${place}]` };
  });
}

function field(block, name, at) {
  if (typeof block[name] !== "string") throw wrong(`${at}.${name}`, "must be a string");
  return block[name];
}

/** Instructions: text alone. */
const textOf = (blocks) => blocks.map(({ block, at }) => plainText(block, at)).join("\n\n");

function plainText(block, at) {
  if (block.type !== "text") throw unsupportedType(block, at);
  return field(block, "text", at);
}

/** A user's turn: results of tools come first, as messages of their own, and images in them as the user's. */
function asked(blocks, place) {
  const results = [];
  const parts = [];
  for (const { block, at } of blocks) {
    if (block.type === "tool_result") results.push(result(block, at, parts));
    else if (!THOUGHTS.has(block.type)) parts.push(part(block, at));
  }
  // Left out, it would leave the turn before to be answered.
  if (!parts.length && !results.length) throw wrong(place, "must hold something that a model is told");
  if (!parts.length) return results;
  const [first, ...more] = parts;
  return [...results, { role: "user", content: first.type === "text" && !more.length ? first.text : parts }];
}

function result(block, at, parts) {
  const id = field(block, "tool_use_id", at);
  const held = blocksOf(block.content ?? "", `${at}.content`).map((each) => part(each.block, each.at));
  for (const each of held) if (each.type !== "text") parts.push(each);
  const told = held.flatMap(({ type, text }) => (type === "text" ? [text] : [])).join("\n");
  return { role: "tool", tool_call_id: id, content: block.is_error === true ? `Error: ${told}` : told };
}

function part(block, at) {
  if (block.type === "text") return { type: "text", text: field(block, "text", at) };
  if (block.type !== "image") throw unsupportedType(block, at);
  const source = isObject(block.source) ? block.source : {};
  if (source.type === "url") return { type: "image_url", image_url: { url: field(source, "url", `${at}.source`) } };
  if (source.type !== "base64") throw unsupportedType(source, `${at}.source`);
  return { type: "image_url", image_url: { url: `data:${field(source, "media_type", `${at}.source`)};base64,${field(source, "data", `${at}.source`)}` } };
}

/** A model's turn: its text, and the calls that it made. */
function said(blocks) {
  const texts = [];
  const calls = [];
  for (const { block, at } of blocks) {
    if (block.type === "text") texts.push(field(block, "text", at));
    else if (block.type === "tool_use") calls.push(call(block, at));
    else if (!THOUGHTS.has(block.type)) throw unsupportedType(block, at);
  }
  const content = texts.join("");
  return [{ role: "assistant", content: calls.length ? content || null : content, ...(calls.length ? { tool_calls: calls } : {}) }];
}

function call(block, at) {
  if (!isObject(block.input)) throw wrong(`${at}.input`, "must be an object");
  return { id: field(block, "id", at), type: "function", function: { name: field(block, "name", at), arguments: JSON.stringify(block.input) } };
}
