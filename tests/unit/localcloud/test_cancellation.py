"""A caller who leaves is noticed by the model, through the front, the router and the Worker."""

import json
import socket
import struct
import threading
import time
from urllib.parse import urlencode, urlsplit

import pytest

AT_MOST = 0.1  # seconds from leaving to the model's handler knowing (design.md section 10)
PATIENCE = 5.0

WORKER = """
  const options = JSON.parse(url.searchParams.get("inputs"));
  if (url.pathname === "/signal") {
    request.signal.addEventListener("abort", () => ctx.waitUntil(env.KV.put("aborted", "yes")));
    ctx.waitUntil(new Promise((resolve) => request.signal.addEventListener("abort", resolve)));
    return new Response(await env.AI.run(url.searchParams.get("model"), options));
  }
  if (url.pathname === "/fetch") return fetch(url.searchParams.get("to"));
  const answer = await env.AI.run(url.searchParams.get("model"), options);
  return answer instanceof ReadableStream ? new Response(answer) : Response.json(answer);
"""


@pytest.fixture
def worker(bench):
    namespace = bench.namespace()
    bindings = [{"name": "AI", "type": "ai"}, {"name": "KV", "type": "kv_namespace", "namespace_id": namespace}]
    flags = ["enable_request_signal"]
    bench.deploy(bench.handler(WORKER), bindings=bindings, compatibility_flags=flags)
    return f"{bench.account}/storage/kv/namespaces/{namespace}"


def until(probe):
    """The first true value of ``probe``, which is asked again for a while."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = probe()
        if found:
            return found
        time.sleep(0.005)
    pytest.fail("it did not happen")
    return None


class Caller:
    """A raw connection, so that its end is a plain FIN."""

    def __init__(self, bench, path, **query):
        address = urlsplit(bench.cloud.url)
        self._socket = socket.create_connection((address.hostname, address.port))
        self._socket.sendall(f"GET {path}?{urlencode(query)} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())

    def read(self):
        assert b"200 OK" in self._socket.recv(4096)

    def leave(self, *, reset=False):
        if reset:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()
        return time.time()


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize(
    ("model", "stream", "reads"),
    [
        ("@cf/meta/llama-3.1-8b-instruct", True, True),
        ("@cf/meta/llama-3.1-8b-instruct", False, False),
        ("@cf/fault/silence", True, False),
        ("@cf/fault/stall", True, True),
    ],
    ids=["streaming", "whole", "silent", "stalled"],
)
def test_the_model_sees_that_its_caller_left(bench, worker, model, stream, reads, reset):
    del worker
    caller = Caller(bench, "/", model=model, inputs=json.dumps({"prompt": "slow", "stream": stream}))
    if reads:
        caller.read()
    until(lambda: [call for call in bench.calls() if call["outcome"] is None])
    left = caller.leave(reset=reset)
    call = until(lambda: [call for call in bench.calls() if call["outcome"]])[-1]
    assert call["outcome"] == "cancelled"
    assert call["ended"] - left < AT_MOST
    assert call["tokens"] < 200


def test_the_worker_may_listen_to_the_signal_of_its_request(bench, worker):
    caller = Caller(bench, "/signal", model="@cf/fault/silence", inputs=json.dumps({"prompt": "x", "stream": True}))
    until(lambda: bench.calls())
    caller.leave()
    until(lambda: bench.api.get(f"{worker}/values/aborted").status_code == 200)


def test_a_server_that_a_worker_fetches_from_sees_it_too(bench, worker):
    del worker
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        seen = []

        def serve():
            connection, _ = server.accept()
            with connection:
                connection.settimeout(PATIENCE)
                while connection.recv(4096):
                    pass
                seen.append(time.time())

        thread = threading.Thread(target=serve)
        thread.start()
        caller = Caller(bench, "/fetch", inputs="null", to=f"http://127.0.0.1:{server.getsockname()[1]}/")
        time.sleep(0.2)  # long enough to be connected; being too short would only make the test easier to fail
        left = caller.leave()
        thread.join(PATIENCE)
    assert seen
    assert seen[0] - left < AT_MOST
