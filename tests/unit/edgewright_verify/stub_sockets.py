"""The stub proxy's WebSockets: a conversation's events as frames, on a connection that an HTTP server has accepted."""

import json
import secrets
import time

from stub_model import PIECE_SECONDS
from websockets.datastructures import Headers
from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

LOOK_SECONDS = PIECE_SECONDS / 4


class Sockets:
    """``proxy``: the stub; ``talks``: its conversations."""

    def __init__(self, proxy, talks, refused):
        self.proxy, self.talks, self.refused, self.has = proxy, talks, refused, proxy.has
        self.tickets = {}

    def ticket(self, asked, name):
        made = secrets.token_hex(8)
        self.tickets[made] = (asked.headers.get("authorization"), name)
        return {"object": "ticket", "ticket": made}

    def caller(self, asked, name):
        """Whose socket it is; raises the refusal."""
        offered = asked.headers.get("sec-websocket-protocol", "")
        _, shown, ticket = offered.partition("ticket.")
        if not shown:
            if not self.has("open_sockets"):
                self.proxy.check_key(asked)
            return asked.headers.get("authorization")
        found = self.tickets.get(ticket) if self.has("tickets_for_ever") else self.tickets.pop(ticket, None)
        if found is None or (found[1] != name and not self.has("tickets_for_all")):
            raise self.refused(401, "invalid_api_key")
        return found[0]


class Connection:
    """One opened socket: reads frames, and sends the events of the runs that it follows."""

    def __init__(self, sockets, asked, name, connection):
        self.sockets, self.talks, self.has = sockets, sockets.talks, sockets.has
        self.asked, self.name, self.connection = asked, name, connection
        asked.headers["authorization"] = sockets.caller(asked, name)
        self.protocol = ServerProtocol(select_subprotocol=lambda _, offered: "edgewright" if offered else None)
        self.following, self.cursor, self.told = None, 0, None

    def serve(self):
        """Until the other side closes."""
        headers = Headers(list(self.asked.headers.items()))
        self.protocol.receive_data(Request(self.asked.path, headers).serialize())
        (request,) = self.protocol.events_received()
        self.protocol.send_response(self.protocol.accept(request))
        self.connection.settimeout(LOOK_SECONDS)
        while True:
            self.flush()
            try:
                data = self.connection.recv(65_536)
            except TimeoutError:
                self.follow()
                continue
            self.protocol.receive_data(data) if data else self.protocol.receive_eof()
            for frame in self.protocol.events_received():
                if getattr(frame, "opcode", None) is Opcode.TEXT:
                    self.take(frame.data.decode())
            if not data or self.protocol.close_expected():
                self.flush()
                return

    def flush(self):
        for data in self.protocol.data_to_send():
            if data:
                self.connection.sendall(data)

    def send(self, **frame):
        self.protocol.send_text(json.dumps(frame).encode())

    def take(self, text):
        if text == "ping":
            if not self.has("never_pongs"):
                self.protocol.send_text(b"pong")
            return
        try:
            frame = json.loads(text)
            self.act(frame)
        except (ValueError, TypeError, KeyError, AttributeError):
            if self.has("closes_on_wrong_frames"):
                self.protocol.send_close(1008)
            else:
                self.send(type="error", code="invalid_request", message="no frame", param=None)

    def act(self, frame):
        talk = self.talks.kept.get(self.talks.place(self.asked, self.name))
        match frame["type"]:
            case "start":
                request = {"model": frame.get("model", "small"), "messages": frame["messages"], "stream": True}
                reply = self.talks.turn(self.asked, request, self.name)
                talk = self.talks.kept[self.talks.place(self.asked, self.name)]
                self.following = talk.runs[reply.headers["x-edge-run"]]
                self.cursor = self.following.first - 1
                given = {"id": frame["id"]} if "id" in frame and not self.has("forgets_ids") else {}
                self.send(type="start", run=self.following.id, model=request["model"], created=1, **given)
            case "resume":
                run = talk.runs[frame["run"]] if "run" in frame else list(talk.runs.values())[-1]
                self.following = run
                self.cursor = run.first - 1 if "run" in frame else frame["starting_after"]
                if self.has("resumes_from_the_beginning"):
                    self.cursor = run.first - 1
                if self.has("one_socket") and "run" in frame:
                    self.cursor = run.first
            case "stop":
                run = talk.runs[frame["run"]]
                if not self.has("ignores_stop"):
                    run.stopped = int((time.monotonic() - run.began) / PIECE_SECONDS) + 1
            case _:
                raise KeyError(frame["type"])

    def follow(self):
        """Sends what has come of the run since the last look."""
        run = self.following
        if run is None:
            return
        there = min(run.there(), int((time.monotonic() - run.began) / PIECE_SECONDS) + 1)
        while self.cursor - run.first + 1 < there:
            self.cursor += 1
            self.send(**event_of(run.frames[self.cursor - run.first]), run=run.id, seq=self.number(run))
        if self.cursor - run.first + 1 >= run.there():
            self.following = None
            if not self.has("never_done"):
                self.send(type="done", run=run.id, status=run.status, seq=self.cursor)
            else:
                self.protocol.send_close(1000)

    def number(self, run):
        return self.cursor - (1 if self.has("numbers_twice") and self.cursor > run.first else 0)


def event_of(piece):
    """A chunk of a stream as a frame."""
    chunk = json.loads(piece.removeprefix(b"data: "))
    if not chunk["choices"]:
        return {"type": "usage", "usage": chunk["usage"]}
    choice = chunk["choices"][0]
    if choice["finish_reason"]:
        return {"type": "finish", "reason": choice["finish_reason"]}
    return {"type": "delta", "text": choice["delta"].get("content") or ""}
