import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { TIMEOUTS, ask, harness, openaiAnswer } from "../fixture.js";

let server;
let seen;
let reply;

before(async () => {
  server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    seen = { url: request.url, headers: request.headers, body: JSON.parse(body) };
    reply(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
});
after(() => server.close());

function app(timeouts = TIMEOUTS) {
  const base = `http://127.0.0.1:${server.address().port}/v1`;
  return harness({
    config: {
      upstreams: { api: { type: "openai-compatible", base_url: base, secret: "UPSTREAM_API_KEY" } },
      models: { m: { targets: [{ upstream: "api", model: "theirs", timeouts }] } },
      aliases: {},
    },
    env: { UPSTREAM_API_KEY: "up-secret" },
  });
}

test("the upstream gets its own key and model name, never the caller's", async () => {
  reply = (response) => response.setHeader("content-type", "application/json").end(JSON.stringify(openaiAnswer("hello")));
  const response = await app().chat(ask("x", { temperature: 0.2 }));
  assert.equal((await response.json()).choices[0].message.content, "hello");
  assert.equal(seen.url, "/v1/chat/completions");
  assert.equal(seen.headers.authorization, "Bearer up-secret");
  assert.equal(seen.body.model, "theirs");
  assert.equal(seen.body.temperature, 0.2);
});

test("a redirect is not followed", async () => {
  let calls = 0;
  reply = (response) => {
    calls += 1;
    response.writeHead(302, { location: "/v1/elsewhere" }).end();
  };
  assert.equal((await app().chat(ask("y"))).status, 503);
  assert.ok(calls <= 2);
});

test("an error's own words stay here", async () => {
  reply = (response) => response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify({ error: { message: "canary", code: "context_length_exceeded" } }));
  const response = await app().chat(ask("z"));
  const text = await response.text();
  assert.equal(response.status, 400);
  assert.equal(JSON.parse(text).error.code, "context_length_exceeded");
  assert.ok(!text.includes("canary"));
});

test("a refusal whose body does not end keeps its Retry-After", async (context) => {
  reply = (response) => response.writeHead(429, { "content-type": "application/json", "retry-after": "7" }).write("{");
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const ticking = setInterval(() => context.mock.timers.tick(1_000), 5);
  const response = await app({ ...TIMEOUTS, connect_ms: 3_600_000 }).chat(ask("w"));
  clearInterval(ticking);
  server.closeAllConnections();
  assert.equal(response.status, 429);
  assert.equal(response.headers.get("retry-after"), "7");
});
