import { CopilotKit, useCopilotAction, useCopilotReadable } from "@copilotkit/react-core";
import { CopilotChat } from "@copilotkit/react-ui";
import "@copilotkit/react-ui/styles.css";
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

import { refusal, wording } from "./refusal.js";

/**
 * The page of one version of CopilotKit, named in `version`. `greeting` is a request that its proxy answers whoever may use it, `useErrors(tell)`
 * tells of what fails later, `options` are the version's own properties of `<CopilotKit>`.
 */
export function page(version, parts) {
  return (root) => createRoot(root).render(<Page version={version} {...parts} />);
}

const inUrl = (name) => new URLSearchParams(location.search).get(name);

/** The thread is in the address, so that it survives a reload and can be shared. */
function thread() {
  const given = inUrl("thread");
  if (given) return given;
  const url = new URL(location.href);
  const made = crypto.randomUUID();
  url.searchParams.set("thread", made);
  history.replaceState(null, "", url);
  return made;
}

/** The proxy and its key are kept for this tab alone, once the proxy has let the key in. */
function Page({ version, greeting, useErrors, options }) {
  const [given, setGiven] = useState(() => JSON.parse(sessionStorage.getItem("proxy")));
  const [answer, setAnswer] = useState(null);
  const [threadId] = useState(thread);
  useEffect(() => {
    setAnswer(null);
    if (!given) return;
    refusal(given, greeting).then((refused) => {
      if (!refused) sessionStorage.setItem("proxy", JSON.stringify(given));
      setAnswer({ refused });
    });
  }, [given, greeting]);
  const change = () => {
    sessionStorage.removeItem("proxy");
    setGiven(null);
  };
  if (given && !answer) return <p className="waiting">Asking {given.url}…</p>;
  if (!given || answer.refused) return <Connect url={given?.url ?? inUrl("url")} refused={answer?.refused} onConnect={setGiven} />;
  return (
    <CopilotKit runtimeUrl={`${given.url}/copilotkit`} headers={{ authorization: `Bearer ${given.key}` }} threadId={threadId} {...options}>
      <Chat version={version} threadId={threadId} useErrors={useErrors} explain={(error) => wording(error, given, greeting)} onChange={change} />
    </CopilotKit>
  );
}

/** Where the proxy is, and a key for it; and why the last one would not do. */
function Connect({ url: known, refused, onConnect }) {
  const connect = (event) => {
    event.preventDefault();
    const { url, key } = Object.fromEntries(new FormData(event.target));
    onConnect({ url: url.replace(/\/$/, ""), key });
  };
  return (
    <form onSubmit={connect}>
      {refused && <p className="refused" role="alert">{refused}</p>}
      <label>Proxy <input name="url" required placeholder="http://127.0.0.1:8787" defaultValue={known ?? ""} /></label>
      <label>Key <input name="key" type="password" required placeholder="sk-edge-…" autoComplete="off" /></label>
      <button>Connect</button>
    </form>
  );
}

function Chat({ version, threadId, useErrors, explain, onChange }) {
  const [background, setBackground] = useState("white");
  const [refused, setRefused] = useState(null);
  useErrors(async (error) => setRefused(await explain(error)));
  useCopilotReadable({ description: "The page's background color", value: background });
  useCopilotAction({
    name: "set_background",
    description: "Sets the background color of the page",
    parameters: [{ name: "color", type: "string", description: "A CSS color", required: true }],
    handler: ({ color }) => {
      setBackground(color);
      return `The background is ${color} now.`;
    },
  });
  return (
    <div className="page" style={{ backgroundColor: background }}>
      <header>
        <b>CopilotKit {version}</b><span>thread {threadId}</span>
        <button onClick={onChange}>Change the key</button>
      </header>
      {refused && <p className="refused" role="alert">{refused} <button onClick={() => setRefused(null)}>Close</button></p>}
      <div className="chat">
        <CopilotChat labels={{ title: "Chat", initial: "Ask me to use set_background." }} />
      </div>
    </div>
  );
}
