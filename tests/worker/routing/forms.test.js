import assert from "node:assert/strict";
import { test } from "node:test";

import { chatRequest } from "../../../worker_src/protocols/chat.js";
import { openai } from "../../../worker_src/protocols/openai/protocol.js";
import { ask, harness } from "../fixture.js";

const route = (name, more) => ({ name, scope: "chat", endpoint: "/shared", methods: ["POST"], ...more });
const decode = (body, config, caller) => chatRequest(body.chat ?? body, config, caller);
const protocol = (...routes) => ({ ...openai, routes, decode, pages: () => ({ closed: () => Response.json("open") }) });
const unwrap = ({ path, chat }) => ({ method: "POST", path, body: JSON.stringify(chat) });
const one = protocol(
  route("one", { claims: ({ path }) => path !== undefined, known: "a 'path'", unwrap }),
  route("inner", { endpoint: "/shared/inner" }),
  route("closed", { endpoint: "/shared/closed", scope: "usage" }),
);
const two = protocol(route("two", { claims: ({ chat }) => chat !== undefined, known: "a 'chat'" }));
const config = { auth: { mode: "keys", keys: { ci: { tenant: "ci", routes: ["chat"] }, other: { tenant: "other" } } } };
const made = (protocols) => harness({ protocols, config });
const post = ({ fetch }, body, more) => fetch("/shared", { method: "POST", body, headers: { "content-type": "application/json" }, ...more });

test("protocols share a path, and a body says whose request it is", async () => {
  const proxy = made({ one, two });
  for (const body of [{ chat: ask("x") }, { path: "/inner", chat: ask("x") }]) {
    const response = await post(proxy, body);
    assert.equal((await response.json()).choices[0].message.content, "fine");
  }
  const { error } = await (await post(proxy, {})).json();
  assert.match(error.message, /a 'path' or a 'chat'/);
});

test("a protocol that is alone on the path needs no other", async () => {
  assert.equal((await post(made({ two }), { chat: ask("x") })).status, 200);
  assert.equal((await post(made({ two }), { path: "/inner" })).status, 400);
});

test("an envelope leads nowhere where its key may not go", async () => {
  const proxy = made({ one });
  assert.equal((await post(proxy, { path: "/closed" })).status, 403);
  assert.equal((await post(proxy, { path: "/closed" }, { key: "sk-edge-other" })).status, 200);
  assert.equal((await post(proxy, { path: "/../v1/chat/completions", chat: ask("x") })).status, 404);
});
