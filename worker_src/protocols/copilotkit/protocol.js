import { encoder } from "../ag_ui/encoder.js";
import { decode } from "./decode.js";
import { pages } from "./pages.js";
import { ROUTES } from "./routes.js";

/** The runtime of CopilotKit 1.50 and later: AG-UI's runs, and what a page asks beside them. */
export const copilotKit = { routes: ROUTES, decode, encoder, pages };
