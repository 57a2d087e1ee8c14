import { EdgeError } from "../errors.js";
import { wrong } from "../protocols/checks.js";

const PARAM = "previous_response_id";

const BRANCHES =
  "is not of the last response of its conversation, and conversations do not branch here: go on from the last one, or send the whole talk as input";

/**
 * Whether a turn may go on from a run of the conversation: it must be the last, as a conversation has one line and no branches.
 * @param {Store} store
 * @param {string|null|undefined} run the id; none goes on from whatever is the last
 * @throws {EdgeError} previous_response_not_found, conversation_busy, invalid_request
 */
export function goesOn(store, run) {
  if (!run) return;
  const known = store.exists ? store.run(run) : null;
  if (!known) throw refused("previous_response_not_found", "The previous response is not found: it was never kept, or its conversation was deleted.");
  if (known.ended === null) {
    throw refused("conversation_busy", "The previous response is still going on; try again when it has ended.", { "retry-after": "1" });
  }
  if (!store.tells(known)) throw wrong(PARAM, `is of a response that is ${known.status}, of which models are not told: go on from the one before it`);
  if (store.latest !== run) throw wrong(PARAM, BRANCHES);
}

const refused = (code, message, headers) => new EdgeError(code, message, { param: PARAM, headers });
