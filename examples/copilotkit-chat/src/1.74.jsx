import "@copilotkit/react-core/v2/styles.css";
import { page } from "./page.jsx";

/** Speaks AG-UI, a path for each call: `protocols.copilotkit`. */
export const show = page("1.74", { showDevConsole: false, enableInspector: false });
