import { EdgeError } from "../../errors.js";

/**
 * The id of a response: `resp_<32 hex digits>`, and of one that is kept `resp_<32 hex digits of its run>_<its conversation>`, so that it leads to both.
 * @param {{kept?: {id: string}, conversation: string|null}} chat
 */
export const responseId = ({ kept, conversation }) => (kept ? `resp_${kept.id}_${conversation}` : `resp_${randomId()}`);

export const randomId = () => crypto.randomUUID().replaceAll("-", "");

const KEPT = /^resp_([0-9a-f]{32})_([A-Za-z0-9._:-]{1,128})$/;

/** The conversation and the run that a response's id leads to, null if it leads nowhere. */
export function placeOf(id) {
  const [, run, conversation] = KEPT.exec(id) ?? [];
  return run ? { conversation, run: `run_${run}` } : null;
}

/** The refusal of an id that no response has, or none that was kept. */
export function unknown(id) {
  const message = `Previous response with id '${id.slice(0, 180)}' not found; was it sent with store: false?`;
  return new EdgeError("previous_response_not_found", message, { param: "previous_response_id" });
}
