import { CopilotKit, useCopilotAction, useCopilotReadable } from "@copilotkit/react-core";
import { CopilotChat } from "@copilotkit/react-ui";
import "@copilotkit/react-ui/styles.css";
import { useState } from "react";
import { createRoot } from "react-dom/client";

/** The page of one version of CopilotKit, named in `version`; `options` are its own properties of `<CopilotKit>`. */
export function page(version, options) {
  return (root) => createRoot(root).render(<Page version={version} options={options} />);
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

function Page({ version, options }) {
  const [proxy, setProxy] = useState(() => JSON.parse(sessionStorage.getItem("proxy")));
  const [threadId] = useState(thread);
  if (!proxy) return <Connect onConnect={setProxy} />;
  return (
    <CopilotKit runtimeUrl={`${proxy.url}/copilotkit`} headers={{ authorization: `Bearer ${proxy.key}` }} threadId={threadId} {...options}>
      <Chat version={version} threadId={threadId} />
    </CopilotKit>
  );
}

/** Where the proxy is, and a key for it: kept for this tab alone. */
function Connect({ onConnect }) {
  const connect = (event) => {
    event.preventDefault();
    const { url, key } = Object.fromEntries(new FormData(event.target));
    const proxy = { url: url.replace(/\/$/, ""), key };
    sessionStorage.setItem("proxy", JSON.stringify(proxy));
    onConnect(proxy);
  };
  return (
    <form onSubmit={connect}>
      <label>Proxy <input name="url" required placeholder="http://127.0.0.1:8787" defaultValue={inUrl("url") ?? ""} /></label>
      <label>Key <input name="key" type="password" required placeholder="sk-edge-…" autoComplete="off" /></label>
      <button>Connect</button>
    </form>
  );
}

function Chat({ version, threadId }) {
  const [background, setBackground] = useState("white");
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
      <header><b>CopilotKit {version}</b><span>thread {threadId}</span></header>
      <div className="chat">
        <CopilotChat labels={{ title: "Chat", initial: "Ask me to use set_background." }} />
      </div>
    </div>
  );
}
