import { decode } from "./decode.js";
import { encoder } from "./encoder.js";

/** AG-UI runs of named agents, always a stream. https://docs.ag-ui.com/concepts/events */
export const agUi = {
  routes: [{ name: "ag_ui", scope: "chat", endpoint: "/agent/{id}/run", methods: ["POST"] }],
  decode,
  encoder,
};
