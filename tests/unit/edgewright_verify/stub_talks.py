"""The stub proxy's conversations: turns, runs that go on without their caller, events that are read again."""

import itertools
import json
import re
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from stub_model import PIECE_SECONDS, text_for
from stub_server import Reply

ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_runs = itertools.count(1)


@dataclass
class Run:
    """``frames`` with numbers from ``first`` on; each is there ``PIECE_SECONDS`` after the one before."""

    id: str
    asked: object
    text: str
    frames: list
    first: int
    reply: Reply
    began: float = field(default_factory=time.monotonic)
    stopped: int | None = None
    read: int = 0

    def there(self):
        return len(self.frames) if self.stopped is None else self.stopped

    @property
    def status(self):
        if self.stopped is not None:
            return "stopped"
        return "completed" if time.monotonic() >= self.began + (len(self.frames) - 1) * PIECE_SECONDS else "running"


@dataclass
class Kept:
    messages: list = field(default_factory=list)
    runs: dict = field(default_factory=dict)
    keys: dict = field(default_factory=dict)
    last: int = 0


class Talks:
    """``proxy``: the stub that it belongs to, which refuses and shapes answers."""

    def __init__(self, proxy, refused):
        self.proxy, self.refused, self.has = proxy, refused, proxy.has
        self.kept = {}

    def place(self, asked, name):
        return ("everybody" if self.has("shares_tenants") else asked.headers.get("authorization"), name)

    def turn(self, asked, request, name):
        if not ID.fullmatch(name) and not self.has("any_conversation_id"):
            raise self.refused(400, "invalid_request", None if self.has("unnamed_param") else "conversation")
        talk = self.kept.setdefault(self.place(asked, name), Kept())
        key, told = asked.headers.get("idempotency-key"), request["messages"]
        known = talk.keys.get(key) if key and not self.has("ignores_idempotency") else None
        if known:
            run = talk.runs[known]
            if run.asked != told and not self.has("reuses_keys"):
                raise self.refused(422, "idempotency_key_reused")
        else:
            run = self.begin(talk, request, told)
            talk.keys[key] = run.id
        headers = {"x-edge-conversation": name, "x-edge-run": run.id}
        if self.has("unnamed_turns"):
            headers.pop("x-edge-conversation")
        if request.get("stream"):
            return Reply(headers=headers, pieces=self.live(run, 0, own=True))
        return Reply(body=run.reply.body, headers=headers)

    def begin(self, talk, request, told):
        text = text_for(told[-1]["content"], request["model"])
        reply = self.proxy.shape(request, text, {})
        if reply.pieces is None:
            reply.body["usage"] = self.usage(talk)
        pieces = self.proxy.shaper.streamed(
            request["model"], text, with_usage=bool((request.get("stream_options") or {}).get("include_usage"))
        )[:-1]
        pieces = [
            piece.replace(b'"prompt_tokens": 11', b'"prompt_tokens": %d' % self.usage(talk)["prompt_tokens"])
            for piece in pieces
        ]
        run = Run(f"run_{next(_runs):032x}", told, text, pieces, talk.last + 1, reply)
        talk.last += len(pieces)
        talk.runs[run.id] = run
        said = [*told, {"role": "assistant", "content": text}]
        talk.messages = said if self.has("forgets_turns") else [*talk.messages, *said]
        return run

    def usage(self, talk):
        told = 0 if self.has("forgets_history") else len(talk.messages)
        return {"prompt_tokens": 11 + 10 * told, "completion_tokens": 12, "total_tokens": 23 + 10 * told}

    def frame(self, run, place):
        piece, number = run.frames[place], run.first + place
        if self.has("unnumbered"):
            return piece
        return b"id: %d\n" % (number - (place > 0 and self.has("numbers_twice"))) + piece

    def live(self, run, after, own=False):
        """Frames behind a number, as they come; the caller of a run that leaves may end it."""
        done = False
        start = 0 if after < run.first or self.has("ignores_cursor") else after - run.first + 1
        try:
            for place in range(start, len(run.frames)):
                while time.monotonic() < run.began + place * PIECE_SECONDS and run.stopped is None:
                    time.sleep(PIECE_SECONDS / 4)
                if run.stopped is not None and place >= run.stopped:
                    error = {"error": {"message": "stopped", "type": "x", "param": None, "code": "run_stopped"}}
                    yield f"data: {json.dumps(error)}\n\n".encode()
                    break
                frame = self.frame(run, place)
                yield (
                    frame
                    if own or not self.has("replays_other_bytes")
                    else frame.replace(b'"id": "chatcmpl', b'"id": "again')
                )
            done = True
            yield b"data: [DONE]\n\n"
        finally:
            if own and self.has("dies_with_caller") and not done:
                run.stopped = int((time.monotonic() - run.began) / PIECE_SECONDS)

    def page(self, asked):
        """Everything below ``/v1/conversations``."""
        url = urlsplit(asked.path)
        parts = url.path.removeprefix("/v1/conversations").strip("/").split("/")
        name, rest = parts[0], parts[1:]
        if not name:
            owner = self.place(asked, "")[0]
            listed = [] if self.has("lists_nothing") else [key[1] for key in self.kept if key[0] == owner]
            return Reply(body={"object": "list", "data": [{"id": each} for each in listed]})
        talk = self.kept.get(self.place(asked, name))
        if talk is None:
            if self.has("unknown_is_empty"):
                return Reply(body={"id": name, "messages": []})
            raise self.refused(404, "not_found")
        return self.of(talk, asked, name, rest, parse_qs(url.query))

    def of(self, talk, asked, name, rest, query):
        if not rest and asked.method == "DELETE":
            if not self.has("keeps_deleted"):
                del self.kept[self.place(asked, name)]
            return Reply(body={"deleted": True})
        if not rest:
            return Reply(body={"id": name, "messages": talk.messages})
        if rest == ["export"]:
            kept = [] if self.has("exports_nothing") else talk.messages
            lines = "".join(json.dumps(message) + "\n" for message in kept)
            return Reply(body=lines.encode(), headers={"content-type": "application/jsonl"})
        run = talk.runs.get(rest[1])
        if run is None:
            if self.has("unknown_run_is_empty"):
                return Reply(pieces=[b"data: [DONE]\n\n"])
            raise self.refused(404, "not_found")
        return self.run(run, asked, rest[2:], query)

    def run(self, run, asked, verb, query):
        if verb == ["stop"]:
            if run.status == "running" and not self.has("ignores_stop"):
                run.stopped = int((time.monotonic() - run.began) / PIECE_SECONDS) + 1
            return Reply(body={"id": run.id, "status": run.status})
        if verb == ["events"]:
            run.read += 1
            given = query.get("starting_after", [None])[0]
            if given is None and not self.has("ignores_last_event_id"):
                given = asked.headers.get("last-event-id")
            if given is not None and not given.isdigit():
                if self.has("any_number"):
                    given = "0"
                else:
                    raise self.refused(400, "invalid_request", "starting_after")
            if self.has("one_reader") and run.read > 1 and run.status == "running":
                return Reply(pieces=[b"data: [DONE]\n\n"])
            return Reply(pieces=self.live(run, int(given or 0)))
        return Reply(body={"id": run.id, "status": "completed" if self.has("ignores_stop") else run.status})
