const THREAD_ENDPOINTS = { list: true, inspect: true, mutations: false, realtimeMetadata: false };

/**
 * What a page asks before it does anything: which agents there are, and what this runtime can do.
 * @param {object} config
 * @param {{threads: boolean, single: boolean}} of `threads`: whether there are any; `single`: asked by a page that knows one path alone
 */
export function infoOf({ agents }, { threads, single }) {
  const endpoints = threads ? { threadEndpoints: THREAD_ENDPOINTS } : {};
  return {
    version: "edgewright",
    agents: Object.fromEntries(Object.entries(agents).map(([name, agent]) => [name, described(name, agent)])),
    audioFileTranscriptionEnabled: false,
    mode: "sse",
    ...endpoints,
    suggestions: true,
    a2uiEnabled: false,
    openGenerativeUIEnabled: false,
    telemetryDisabled: true,
    ...(single ? { singleRoute: { resourceOperations: true, ...endpoints } } : {}),
  };
}

function described(name, { tools }) {
  const offered = tools !== "none";
  const capabilities = { tools: { supported: offered, clientProvided: offered }, transport: { streaming: true } };
  return { name, description: "", className: "EdgewrightAgent", capabilities };
}
