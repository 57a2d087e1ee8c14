import { useCopilotKit } from "@copilotkit/react-core/v2";
import { useEffect, useRef } from "react";

/** CopilotKit of 1.50 and later shows no error by itself, but tells who subscribes. */
export function useErrors(tell) {
  const { copilotkit } = useCopilotKit();
  const latest = useRef(tell);
  latest.current = tell;
  useEffect(() => {
    const { unsubscribe } = copilotkit.subscribe({ onError: ({ error }) => latest.current(error) });
    return unsubscribe;
  }, [copilotkit]);
}
