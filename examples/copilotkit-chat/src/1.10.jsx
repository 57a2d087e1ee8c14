import { page } from "./page.jsx";

/** Speaks GraphQL: `protocols.copilotkit_graphql`. It tells of errors in its development console alone. */
export const show = page("1.10", { greeting: { query: "{ hello }" }, useErrors: () => {}, options: { showDevConsole: true } });
