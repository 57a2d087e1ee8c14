import "@copilotkit/react-core/v2/styles.css";
import { page } from "./page.jsx";

/** Speaks AG-UI, every call at the base path: `protocols.copilotkit`. */
export const show = page("1.60", { showDevConsole: false, enableInspector: false });
