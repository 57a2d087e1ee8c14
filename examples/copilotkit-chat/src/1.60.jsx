import "@copilotkit/react-core/v2/styles.css";
import { useErrors } from "./errors.js";
import { page } from "./page.jsx";

/** Speaks AG-UI, every call at the base path: `protocols.copilotkit`. */
export const show = page("1.60", { greeting: { method: "info" }, useErrors, options: { showDevConsole: false, enableInspector: false } });
