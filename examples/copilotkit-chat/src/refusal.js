/** Why the proxy does not let this page and its key in, in words; null if it does. `greeting` is the body that it is asked with. */
export async function refusal({ url, key }, greeting) {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  let response;
  try {
    response = await fetch(`${url}/copilotkit`, { method: "POST", headers, body: JSON.stringify(greeting) });
  } catch {
    // A browser does not tell a page which of these it was.
    return `${url} cannot be reached from this page. Is the address right and the proxy up, and is ${location.origin} in cors.origins of its stack?`;
  }
  const told = await response.json().catch(() => ({}));
  const message = told.errors?.[0].message ?? told.message ?? null;
  return response.ok ? message : (message ?? `${url} answers with status ${response.status}: is it a proxy that serves CopilotKit?`);
}

/** What to tell of an error of CopilotKit's: the proxy's own words, which the error holds or the proxy says again. */
export async function wording(error, proxy, greeting) {
  return error.payload?.message ?? (await refusal(proxy, greeting)) ?? error.message;
}
