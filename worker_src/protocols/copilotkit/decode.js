import { decode as decodeRun } from "../ag_ui/decode.js";

/** The tool by which a page asks for suggestions; nobody means such a run to be a thread. */
const SUGGESTING = "copilotkitSuggest";

/** A run as AG-UI has it. It goes on when its page has gone, so that the page can come back to it. */
export function decode(body, config, caller, route) {
  const chat = decodeRun(body, config, caller, route);
  const suggests = route.name === "copilotkit_suggest" || body.forwardedProps?.toolChoice?.function?.name === SUGGESTING;
  return Object.assign(chat, { conversation: suggests ? null : chat.conversation, turn: { ...chat.turn, leaving: "keep" } });
}
