"""What nobody should send, sent to the deployed Worker in workerd: refused or hung up on, and it lives on."""

import errno
import json
import os
import random
import socket
from urllib.parse import urlsplit

import httpx
import pytest

CASES = int(os.environ.get("FUZZ_RUNS") or 300)
SEED = int(os.environ.get("FUZZ_SEED") or 1)
LONGEST = 20.0
"""Seconds; an exchange that takes longer hangs."""

METHODS = ["GET", "POST", "POST", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "BREW", "get"]
PATHS = [
    "/v1/chat/completions",
    "/v1/models",
    "/v1/models/%ff",
    "/v1/models/..%2f",
    "/health",
    "/",
    "//",
    "/%",
    "/v1/chat/completions?x=%",
]
HEADERS = [
    "content-type",
    "content-encoding",
    "cache-control",
    "x-request-id",
    "x-edge-drill",
    "origin",
    "accept",
    "host",
    "expect",
]
HI = b'"messages":[{"role":"user","content":"hi"}]'
CONTENTS = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"messages":[]}',
    b"{%s}" % HI,
    b'{%s,"stream":true}' % HI,
    b'{"messages":"x"}',
]
CONTENTS += [b"[" * 5_000, b'{"a":' * 5_000, b"\xff\xfe", b"\xef\xbb\xbf{}", b"x" * 300_000, b'{%s,"seed":1e999}' % HI]
CONTENTS += [b'{"__proto__":{%s},%s}' % (HI, HI), b'{"messages":[{"role":"user","content":"\\ud800"}],"stream":true}']


def half_close(connection):
    """Say that nothing more comes; the other side may have hung up already."""
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError as error:
        if error.errno != errno.ENOTCONN:
            raise


def exchange(address, raw, *, whole):
    """What comes back until the other side ends the connection; what is not ``whole`` the caller ends."""
    with socket.create_connection(address, timeout=LONGEST) as connection:
        answer = b""
        try:
            connection.sendall(raw)
            if not whole:
                half_close(connection)
            while data := connection.recv(65_536):
                answer += data
        except (ConnectionResetError, BrokenPipeError):
            pass  # hung up on: a refusal too
        return answer


def damaged(chance, content):
    """A few bytes changed, gone or put in."""
    content = bytearray(content)
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(content) + 1)
        content[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
    return bytes(content)


def any_request(chance, key):
    """A request, often a valid one, with anything where its method, path, headers, key and body stand; is it whole?"""
    body = damaged(chance, chance.choice(CONTENTS))
    authorization = chance.choice([f"Bearer {key}"] * 6 + ["", f"Bearer {key}x", f"Basic {key}", key])
    lines = [f"{chance.choice(METHODS)} {chance.choice(PATHS)} HTTP/1.1", "host: x", f"authorization: {authorization}"]
    lines += [f"{chance.choice(HEADERS)}: {value(chance)}" for _ in range(chance.randrange(3))]
    framed = chance.choice(["length", "length", "length", "wrong", "chunked", "none"])
    if framed in ("length", "wrong"):
        lines.append(f"content-length: {len(body) + (chance.choice([-1, 1, 10**12]) if framed == 'wrong' else 0)}")
    if framed == "chunked":
        lines.append("transfer-encoding: chunked")
        body = damaged(chance, b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    head = "\r\n".join([*lines, "connection: close", "", ""]).encode("latin-1")
    return head + body, framed in ("length", "none") and b"\r\nexpect" not in head


def value(chance):
    """The value of a header."""
    any_text = "".join(chr(chance.randrange(0x20, 0x100)) for _ in range(chance.randrange(30)))
    return chance.choice([any_text, "gzip", "no-store", "x" * 5_000, "application/json", "", "https://app.example"])


@pytest.fixture(scope="module")
def address(proxy):
    parts = urlsplit(proxy["url"])
    return parts.hostname, parts.port


@pytest.fixture(autouse=True)
def alive(proxy):
    """After whatever was sent a whole answer is to be had."""
    yield
    question = {"messages": [{"role": "user", "content": "are you there?"}]}
    headers = {"Authorization": f"Bearer {proxy['key']}"}
    url = f"{proxy['url']}/v1/chat/completions"
    answer = httpx.post(url, headers=headers, json=question, trust_env=False, timeout=LONGEST)
    assert answer.status_code == 200, answer.text
    assert proxy["process"].poll() is None


def test_any_request_is_answered_without_a_failure_of_ours(proxy, address):
    chance = random.Random(SEED)
    seen = set()
    for case in range(CASES):
        raw, whole = any_request(chance, proxy["key"])
        answer = exchange(address, raw, whole=whole)
        head, _, body = answer.partition(b"\r\n\r\n")
        status = int(head.split()[1]) if head else None
        ours = b"x-request-id" in head.lower()
        seen.add(status if ours else None)
        # Who refuses before all of a large body has come may reset the connection, and the refusal with it.
        assert head or not whole or len(raw) > 65_536, (case, raw[:500])
        assert status is None or status < 500 or (status == 501 and not ours), (
            f"case {case}: {raw[:900]!r} -> {answer[:500]!r}"
        )
        if ours and status >= 400 and body:
            error = json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])["error"]
            assert {"message", "type", "param", "code"} == set(error), (case, error)
    assert {200, 400, 401, 404, 405} <= seen, seen


def test_bytes_that_are_no_request_do_no_harm(address):
    chance = random.Random(SEED)
    for case in range(CASES):
        raw = chance.choice(
            [chance.randbytes(chance.randrange(200)), b"GET / HTTP/1.1\r\n" + chance.randbytes(50), b"\r\n" * 50]
        )
        answer = exchange(address, raw, whole=False)
        assert not answer or answer.split()[1] in (b"400", b"404", b"413", b"431", b"501"), (case, raw, answer[:300])
