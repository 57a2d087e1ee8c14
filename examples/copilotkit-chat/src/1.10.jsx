import { page } from "./page.jsx";

/** Speaks GraphQL: `protocols.copilotkit_graphql`. */
export const show = page("1.10", { showDevConsole: true });
