import { sha256, utf8 } from "../crypto/bytes.js";
import { EdgeError } from "../errors.js";
import { CONVERSATION_ID, isConversationId, wrong } from "../protocols/checks.js";
import { parted } from "./history.js";
import { directoryOf } from "./remote.js";

const KEY = /^[\x21-\x7e]{1,255}$/;
export const OVERLAPS = ["queue", "reject", "latest"];
export const LEAVINGS = ["keep", "cancel"];

/** What fits into a row of the object's SQLite with room to spare (bytes of JSON). */
const MOST_MESSAGE = 1_900_000;

/** The id of a conversation, which its caller chooses. */
export function idOf(given) {
  if (!isConversationId(given)) throw wrong("conversation", `must be ${CONVERSATION_ID}`);
  return given;
}

/** The id of a new conversation; of the same one for a request that comes again with its Idempotency-Key. */
export async function newId(key) {
  return `conv_${key === null ? crypto.randomUUID().replaceAll("-", "") : (await sha256(key)).slice(0, 32)}`;
}

/** One of a few words, the stack's word where none is given. */
export function chosen(param, given, words, usual) {
  if (given === null) return usual;
  if (!words.includes(given)) throw wrong(param, `must be one of ${words.join(", ")}`);
  return given;
}

/**
 * A turn as the conversation's object takes it in.
 * @param {object} chat the neutral chat request
 * @param {{name: string, tenant: string}} caller
 * @param {{id: string, key: string|null, keyed: string, asked: string, overlap: string, leaving: string, headers: Array, seen: object|null}} how
 *   `keyed`: what the key is called where it came; `asked`: what was asked, for a key that comes again; `seen`: `{id, started, url, cf}` of the
 *   request that brought it
 * @throws {EdgeError} invalid_request, unsupported_parameter, request_too_large
 */
export async function turnOf({ targets: _, ...chat }, caller, { id, key, keyed, asked, overlap, leaving, headers = [], seen = null }) {
  for (const name of ["logprobs", "n"]) {
    if (chat.settings[name] && chat.settings[name] !== 1) throw new EdgeError("unsupported_parameter", `'${name}' is not for conversations.`, { param: name });
  }
  // Instructions are kept together.
  if ([...chat.messages, parted(chat.messages).instructions].some((kept) => utf8(JSON.stringify(kept)).length > MOST_MESSAGE)) {
    throw new EdgeError("request_too_large", `A message of a conversation, and its instructions together, have at most ${MOST_MESSAGE} bytes.`, { param: "messages" });
  }
  if (utf8(JSON.stringify(chat.told ?? null)).length > MOST_MESSAGE) {
    throw new EdgeError("request_too_large", `What a response tells of its request (instructions, tools, ...) has at most ${MOST_MESSAGE} bytes.`);
  }
  if (key !== null && !KEY.test(key)) throw wrong(keyed, "must be 1 to 255 visible characters");
  return {
    id: `run_${crypto.randomUUID().replaceAll("-", "")}`,
    key,
    digest: key === null ? null : await sha256(asked),
    chat,
    caller,
    overlap,
    leaving,
    headers,
    seen,
    reader: crypto.randomUUID(),
    listed: { id, directory: directoryOf(caller.tenant), agent: chat.turn?.agent ?? null },
  };
}
