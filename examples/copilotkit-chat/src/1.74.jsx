import "@copilotkit/react-core/v2/styles.css";
import { useErrors } from "./errors.js";
import { page } from "./page.jsx";

/** Speaks AG-UI, a path for each call: `protocols.copilotkit`. */
export const show = page("1.74", { greeting: { method: "info" }, useErrors, options: { showDevConsole: false, enableInspector: false } });
