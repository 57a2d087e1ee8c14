"""A model that says each word when a test lets it."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = ("one ", "two ", "three")
END = len(WORDS) + 1  # the finish, which comes with [DONE]
WHOLE = {"choices": [{"message": {"role": "assistant", "content": "".join(WORDS)}, "finish_reason": "stop"}]}


class GatedModel:
    """An OpenAI-compatible model that says ``opening`` words at once and each further one when it is let.

    Not streamed, it answers once it is let say all of them.
    """

    def __init__(self):
        self.opening = 0
        self.calls = []
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                streamed = json.loads(self.rfile.read(int(self.headers["content-length"]))).get("stream")
                allowed = threading.Semaphore(model.opening)
                model.calls.append(allowed)
                self.send_response(200)
                self.send_header("content-type", "text/event-stream" if streamed else "application/json")
                self.send_header("connection", "close")
                self.end_headers()
                deltas = [{"delta": {"content": word}} for word in WORDS]
                try:
                    for choice in [*deltas, {"delta": {}, "finish_reason": "stop"}]:
                        if not allowed.acquire(timeout=20):
                            return
                        if streamed:
                            self.wfile.write(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
                    self.wfile.write(b"data: [DONE]\n\n" if streamed else json.dumps(WHOLE).encode())
                except OSError:
                    pass  # who asked is gone
                self.close_connection = True

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def asked(self, patience=10):
        """Whether somebody has called within some seconds."""
        until = time.monotonic() + patience
        while not self.calls and time.monotonic() < until:
            threading.Event().wait(0.005)
        return bool(self.calls)

    def let(self, words=1):
        """The newest call may say so many words more."""
        self.calls[-1].release(words)
