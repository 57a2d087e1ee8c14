"""A small HTTP server whose answers are written piece by piece, for stub proxies."""

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Reply:
    """``pieces`` are written as chunks, ``pace`` seconds apart; ``cut`` closes the connection without the end."""

    status: int = 200
    body: object = None
    headers: dict = field(default_factory=dict)
    pieces: list | None = None
    pace: float = 0.0
    cut: bool = False


@dataclass
class Asked:
    method: str
    path: str
    headers: dict
    body: bytes
    too_big: bool


class StubServer:
    """Serves ``proxy.answer(asked) -> Reply`` on a free port of 127.0.0.1; counts the connections it holds."""

    def __init__(self, proxy):
        self.proxy = proxy
        handler = type("Handler", (_Handler,), {"proxy": proxy})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        # The default poll of half a second would be the time that each stop takes.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    proxy = None

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            self.proxy.abandoned += 1

    def _serve(self):
        body, too_big = self._read_body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, body, too_big)
        if headers.get("upgrade") == "websocket":
            reply = self.proxy.upgrade(asked, self.connection)
            self.close_connection = True
            if reply is None:
                return
        else:
            reply = self.proxy.answer(asked)
        if reply.pieces is None:
            self._write_whole(reply)
        else:
            self._write_pieces(reply)

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - names that http.server calls

    def _read_body(self):
        limit = self.proxy.max_body_bytes
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0))), False
        kept, length = [], 0
        while size := int(self.rfile.readline(), 16):
            piece = self.rfile.read(size)
            self.rfile.readline()
            length += size
            if length <= limit:
                kept.append(piece)
        self.rfile.readline()
        return b"".join(kept), length > limit

    def _write_whole(self, reply):
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in {"content-type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _write_pieces(self, reply):
        self.send_response(reply.status)
        for name, value in {"content-type": "text/event-stream", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in reply.pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
            time.sleep(reply.pace)
        if reply.cut:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")
