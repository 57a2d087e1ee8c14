// An AI proxy with a model of Workers AI and, behind it, one of an OpenAI-compatible server.
import * as pulumi from "@pulumi/pulumi";
import * as edgewright from "@pulumi/edgewright";

const config = new pulumi.Config();

const proxy = new edgewright.EdgeProxy("proxy", {
    accountId: config.require("accountId"),
    environment: "dev",
    name: "ai-proxy",
    upstreams: {
        "workers-ai": { type: "workers-ai" },
        backup: { type: "openai-compatible", baseUrl: "https://api.example.com/v1" },
    },
    models: {
        small: {
            targets: [
                { upstream: "workers-ai", model: "@cf/meta/llama-3.1-8b-instruct-fp8-fast" },
                { upstream: "backup", model: "small-1", timeouts: { firstTokenMs: 10_000 } },
            ],
        },
    },
    fallback: { midStream: "continue" },
    cache: { enabled: true, ttlSeconds: 3600 },
    limits: {
        rules: [{ name: "hourly", per: "key", of: "requests", atMost: 1000, windowSeconds: 3600 }],
    },
    auth: { keys: { app: { tenant: "app", routes: ["chat", "models"] } } },
    // Secrets: encrypted in the state, and for the Worker only hashes of the client keys.
    clientKeys: { app: config.requireSecret("clientKey") },
    upstreamKeys: { backup: config.requireSecret("upstreamKey") },
});

export const url = proxy.url;
export const version = proxy.versionId;
