import { isObject, isText, isWordOf, wrong } from "../checks.js";

/** What an envelope's `method` stands for: method and path of the request, in whose place its parameters go. */
const METHODS = {
  info: ["GET", "/info"],
  "agent/run": ["POST", "/agent/{agentId}/run"],
  "agent/suggest": ["POST", "/agent/{agentId}/suggest"],
  "agent/connect": ["POST", "/agent/{agentId}/connect"],
  "agent/stop": ["POST", "/agent/{agentId}/stop/{threadId}"],
};
const RESOURCE = "resource/request";

/**
 * The request that an envelope `{method, params, body}` stands for.
 * @returns {{method: string, path: string, body: string}} the path below the base path
 * @throws {EdgeError} invalid_request
 */
export function unwrap({ method, params = {}, body = {} }) {
  if (!isObject(params)) throw wrong("params", "must be an object");
  if (!isObject(body)) throw wrong("body", "must be an object");
  const [verb, path] = method === RESOURCE ? resource(params) : named(method, params);
  return { method: verb, path, body: JSON.stringify(body) };
}

function named(method, params) {
  if (!isWordOf(METHODS, method)) throw wrong("method", `must be one of ${[...Object.keys(METHODS), RESOURCE].join(", ")}`);
  const [verb, path] = METHODS[method];
  return [verb, path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(text(params, name)))];
}

function resource(params) {
  const path = text(params, "path");
  if (!/^\/threads(\/|\?|$)/.test(path)) throw wrong("params.path", "must be a path of /threads");
  return [params.httpMethod ? text(params, "httpMethod") : "GET", path];
}

function text(params, name) {
  // Half a character cannot be part of an address.
  if (!isText(params[name]) || params[name] === "" || !params[name].isWellFormed()) throw wrong(`params.${name}`, "must be a string of whole characters");
  return params[name];
}
