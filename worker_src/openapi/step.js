const HEADERS = { "content-type": "application/json", "cache-control": "public, max-age=300" };

/**
 * The API's own document, rendered with the stack.
 * @param {string} text of the document, JSON
 * @returns {{routes: object[], pages: {openapi: Function}}}
 */
export const openapi = (text) => ({
  routes: [{ name: "openapi", endpoint: "/openapi.json", methods: ["GET", "HEAD"], public: true }],
  pages: { openapi: () => new Response(text, { headers: HEADERS }) },
});
