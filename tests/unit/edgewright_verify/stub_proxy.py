"""A proxy that keeps the contract of ARCHITECTURE.md sections 3 and 4, and breaks it in one named way."""

import hashlib
import hmac
import json
import re
import time
from urllib.parse import unquote

from stub_fronts import ENDPOINTS, PROTOCOLS, Fronts
from stub_limits import Limit
from stub_model import PIECE_SECONDS, Shaper, text_for
from stub_server import Reply
from stub_sockets import Connection, Sockets
from stub_talks import Talks
from stub_usage import Ledger

KEY = "sk-edge-CANARYkeyCANARYkeyCANARYkeyCANARYkeyCANARYk"
OTHER_KEY = "sk-edge-CANARYotherCANARYotherCANARYotherCANARYothe"
DRILL_SECRET = "canary-drill-secret-0123456789abcdef"
MODELS = ("small", "@cf/stub/large", "trial")
TARGETS = ("first/m1", "second/m2")
FEATURES = (
    "auth",
    "cache",
    "drills",
    "fallback",
    "kept_responses",
    "limits",
    "reports",
    "sessions",
    "sockets",
    "streaming",
    "usage",
)
WEATHER = {"name": "get_weather", "arguments": '{"city": "Oslo"}'}
ROLES = {"system", "developer", "user", "assistant", "tool"}
SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class Refused(Exception):
    def __init__(self, status, code, param=None, **headers):
        self.reply = Reply(status, _error_body(f"refused: {code}", code, param), headers)


def _error_body(message, code, param=None):
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


class StubProxy:
    """``flaws`` are the promises it breaks; ``features`` what its well-known document says."""

    max_body_bytes = 4 * 1024 * 1024

    def __init__(self, *flaws, features=FEATURES, key=KEY):
        self.flaws, self.features, self.key = set(flaws), features, key
        self.cached, self.nonces, self.count, self.open_streams, self.abandoned = {}, set(), 0, 0, 0
        self.shaper = Shaper(self.flaws)
        self.limit, self.fronts = Limit(self, Refused), Fronts(self, Refused)
        self.talks, self.ledger = Talks(self, Refused), Ledger(self, Refused)
        self.sockets = Sockets(self, self.talks, Refused)

    def has(self, flaw):
        return flaw in self.flaws

    def answer(self, asked):
        self.count += 1
        try:
            reply = self.route(asked)
        except Refused as refused:
            reply = refused.reply
        except Exception:
            if not self.has("crashes"):
                raise
            reply = Reply(500, _error_body("crashed", "internal_error"))
        if reply.status >= 400:
            self.spoil_error(asked, reply)
        if not self.has("no_request_id"):
            reply.headers["x-request-id"] = self.request_id(asked)
        if self.has("echoes_key") and "authorization" in asked.headers:
            reply.headers["x-debug"] = asked.headers["authorization"]
        return reply

    def upgrade(self, asked, connection):
        """Serves a WebSocket to its end; the refusal if it is not opened."""
        name = asked.path.split("/")[3]
        try:
            Connection(self.sockets, asked, name, connection).serve()
        except Refused as refused:
            return refused.reply
        return None

    def spoil_error(self, asked, reply):
        """Flaws of refusals."""
        if self.has("errors_as_text"):
            reply.body, reply.headers["content-type"] = b"Bad Request", "text/plain"
        if self.has("errors_in_another_shape"):
            reply.body = {"detail": "bad"}
        if self.has("errors_without_param"):
            reply.body["error"].pop("param")
        if self.has("errors_as_500") and reply.status == 400:
            reply.status = 500
        if self.has("stream_errors_as_200") and b'"stream": true' in asked.body:
            reply.status, reply.pieces = 200, [f"data: {json.dumps(reply.body)}\n\n".encode()]

    def request_id(self, asked):
        own = asked.headers.get("x-request-id", "")
        if self.has("same_request_id"):
            return "fixed"
        if own and not self.has("drops_request_id") and (SAFE_ID.fullmatch(own) or self.has("unsafe_request_id")):
            return own
        return f"req-{self.count}"

    def route(self, asked):
        if asked.path == "/.well-known/edgewright" and self.features is not None:
            return Reply(body={"name": "edge-stub", "environment": "test", "hash": "ab" * 32, **self.offers()})
        if asked.path == "/health":
            if self.has("private_health"):
                self.check_key(asked)
            return Reply(body={"status": "ok"})
        if asked.path.startswith("/v1/models"):
            if not self.has("public_models"):
                self.check_key(asked)
            return self.models(asked)
        if asked.path.startswith("/v1/conversations"):
            if not self.has("open_conversations"):
                self.check_key(asked)
            if asked.path.endswith("/tickets"):
                return Reply(201, self.sockets.ticket(asked, asked.path.split("/")[3]))
            if asked.path.endswith("/socket"):
                raise Refused(400 if self.has("plain_as_400") else 426, "upgrade_required")
            return self.talks.page(asked)
        if asked.path.startswith("/v1/usage"):
            if not self.has("open_usage"):
                self.check_key(asked)
            return self.ledger.page(asked)
        if asked.path != "/v1/chat/completions":
            self.check_key(asked)
            fronted = self.fronts.answer(asked)
            if fronted is not None:
                return fronted
            raise Refused(400 if self.has("unknown_path_400") else 404, "not_found")
        if asked.method != "POST":
            raise Refused(405, "method_not_allowed", **({} if self.has("no_allow") else {"allow": "POST"}))
        return self.chat(asked)

    def offers(self):
        return {"features": list(self.features), "protocols": ["openai", *PROTOCOLS], "endpoints": ENDPOINTS}

    def check_key(self, asked):
        given = asked.headers.get("authorization")
        if self.key is None or given in (f"Bearer {self.key}", f"Bearer {OTHER_KEY}"):
            return
        stream = b'"stream": true' in asked.body
        lenient = {
            "serves_keyless": given is None,
            "serves_wrong_keys": given is not None and re.fullmatch(r"Bearer sk-edge-.{43}", given),
            "serves_prefixes": given is not None and given[:-1] == f"Bearer {self.key}"[:-1],
            "serves_garbage": given is not None and not re.fullmatch(r"Bearer \S+", given),
            "streams_keyless": given is None and stream,
        }
        if any(condition for flaw, condition in lenient.items() if self.has(flaw)):
            return
        if self.has("crashes_on_long_keys") and given and len(given) > 1000:
            raise Refused(500, "internal_error")
        raise Refused(
            403 if self.has("refuses_by_403") else 401, "no" if self.has("odd_key_code") else "invalid_api_key"
        )

    def models(self, asked):
        entries = [{"id": name, "object": "model", "created": 1, "owned_by": "stub"} for name in MODELS]
        if self.has("models_without_created"):
            entries[0].pop("created")
        if self.has("models_twice"):
            entries.append(entries[0])
        _, _, name = asked.path.removeprefix("/v1/models").partition("/")
        if not name:
            return Reply(body={"object": "models" if self.has("odd_list") else "list", "data": entries})
        name = name if self.has("encoded_ids_unknown") else unquote(name)
        found = next((entry for entry in entries if entry["id"] == name), None)
        if found is None:
            raise Refused(404, None if self.has("unknown_model_without_code") else "model_not_found", "model")
        return Reply(body=found)

    def chat(self, asked):
        request = None
        if self.has("cache_before_auth") and not asked.too_big and asked.body.startswith(b'{"'):
            request = self.parse(asked)
            if self.cache_key(request) in self.cached:
                return self.replay(request, self.cache_key(request))
        self.check_key(asked)
        request = request or self.parse(asked)
        drill = self.check_drill(asked) if "drills" in (self.features or ()) else None
        told = self.limit.take(request) if "limits" in (self.features or ()) else {}
        conversation = asked.headers.get("x-conversation-id", request.get("conversation"))
        if conversation is not None:
            return self.talks.turn(asked, request, conversation)
        if self.has("leaks_streams") and self.open_streams:
            raise Refused(500, "internal_error")
        headers = asked.headers.get("cache-control", "")
        key = self.cache_key(request)
        caching = "cache" in (self.features or ()) and (drill is None or self.has("drills_use_cache"))
        hit = caching and key in self.cached and not ("no-" in headers and not self.has("ignores_no_cache"))
        self.ledger.note(asked, request, hit=hit)
        if hit:
            return self.replay(request, key)
        reply = self.fresh(request, drill, key if caching and self.may_store(headers) else None)
        reply.headers |= told
        return reply

    def may_store(self, headers):
        return not self.has("never_caches") and ("no-store" not in headers or self.has("ignores_no_store"))

    def parse(self, asked):
        if asked.too_big and not self.has("no_limit"):
            raise Refused(413 if not self.has("limit_as_400") else 400, "request_too_large")
        try:
            request = json.loads(asked.body)
        except ValueError:
            raise Refused(400, "invalid_json") from None
        if not self.has("crashes"):
            self.check_shape(request)
        messages = request["messages"]
        for message in messages:
            if message["role"] not in ROLES and not self.has("accepts_any_role"):
                raise Refused(400, "invalid_value", "messages")
        if request["model"] not in MODELS:
            if self.has("unknown_model_400"):
                raise Refused(400, "model_not_found", "model")
            raise Refused(404, None if self.has("unknown_model_without_code") else "model_not_found", "model")
        return request

    def check_shape(self, request):
        if not isinstance(request, dict) or not isinstance(request.get("model"), str):
            raise Refused(400, "invalid_type")
        messages = request.get("messages")
        empty_ok = self.has("accepts_empty_messages") and messages == []
        if not isinstance(messages, list) or not (messages or empty_ok):
            raise Refused(400, "invalid_type", "messages")
        for message in messages:
            if not isinstance(message, dict) or "role" not in message:
                raise Refused(400, "invalid_type", "messages")
            if not isinstance(message.get("content"), str) and "tool_calls" not in message:
                raise Refused(400, "invalid_type", "messages")
        if not isinstance(request.get("stream", False), bool):
            raise Refused(400, "invalid_type", "stream")

    def check_drill(self, asked):
        header = asked.headers.get("x-edge-drill")
        if header is None or self.has("ignores_drills"):
            return None
        parts = dict(part.split("=", 1) for part in header.split(","))
        signed = f"{parts['t']}.{parts['n']}.{parts['fault']}".encode()
        if self.has("signs_without_fault"):
            good = len(parts["sig"]) == 64
        else:
            good = parts["sig"] == hmac.new(DRILL_SECRET.encode(), signed, hashlib.sha256).hexdigest()
        stale = abs(time.time() - int(parts["t"])) > 60 and not self.has("accepts_stale_drills")
        replayed = parts["n"] in self.nonces and not self.has("accepts_replayed_drills")
        if not (good or self.has("accepts_forged_drills")) or stale or replayed:
            raise Refused(403, "forbidden" if self.has("odd_drill_code") else "invalid_drill")
        self.nonces.add(parts["n"])
        return parts["fault"]

    def cache_key(self, request):
        kept = {name: value for name, value in request.items() if name not in {"stream", "stream_options", "user"}}
        if self.has("one_cache_entry"):
            return "same"
        if self.has("cache_ignores_settings"):
            kept.pop("temperature", None)
        if self.has("cache_ignores_end_of_prompt"):
            kept["messages"] = json.dumps(kept["messages"], sort_keys=True).replace("!", "")
        stream = request.get("stream", False) if self.has("cache_by_stream") else None
        return json.dumps([kept, stream], sort_keys=not self.has("cache_by_key_order"))

    def replay(self, request, key):
        text, answer_id = self.cached[key]
        headers = {"x-edge-cache": "HIT", "x-edge-target": TARGETS[0], "x-edge-attempts": "0", "age": "0"}
        if self.has("hit_without_age"):
            headers.pop("age")
        if self.has("hit_calls_model"):
            headers["x-edge-attempts"] = "1"
        if self.has("hit_without_target"):
            headers.pop("x-edge-target")
        reply = self.shape(request, text if not self.has("hit_with_other_text") else text + "!", headers)
        if self.has("hit_with_old_id") and reply.pieces is None:
            reply.body["id"] = answer_id
        if self.has("replay_without_done") and reply.pieces:
            reply.pieces = list(reply.pieces)[:-1]
        return reply

    def fresh(self, request, drill, key):
        targets = "1" if self.has("one_target") else "2"
        headers = {"x-edge-target": TARGETS[0], "x-edge-attempts": "1", "x-edge-targets": targets}
        if "cache" in (self.features or ()):
            headers["x-edge-cache"] = "HIT" if self.has("claims_hits") else "MISS"
        if drill is not None:
            if not self.has("drill_unmarked"):
                headers["x-edge-drill"] = drill
            if drill != "cut":
                if (
                    self.has("no_fallback")
                    or self.has("one_target")
                    or (self.has("no_fallback_streaming") and request.get("stream"))
                ):
                    return Reply(502, _error_body("the model failed", "upstream_error"), headers)
                headers |= {"x-edge-target": TARGETS[1], "x-edge-attempts": "2"}
                if self.has("attempts_uncounted"):
                    headers["x-edge-attempts"] = "1"
                if self.has("same_target_named"):
                    headers["x-edge-target"] = TARGETS[0]
        elif self.has("drill_always_marked"):
            headers["x-edge-drill"] = "none"
        last = request["messages"][-1] if request["messages"] else {"content": "", "role": "user"}
        text = text_for(str(last.get("content")), request["model"])
        call = dict(WEATHER) if "tool_choice" in request and not self.has("no_tools") else None
        if last["role"] == "tool" and self.has("empty_after_tool"):
            text = ""
        reply = self.shape(request, text, headers, call, drill)
        if key is not None and call is None and reply.status == 200:
            self.cached[key] = (text, reply.body["id"] if reply.pieces is None else None)
        return reply

    def shape(self, request, text, headers, call=None, drill=None):
        streaming = request.get("stream", self.has("streams_by_default"))
        if not streaming and not (self.has("accept_decides") and request.get("stream") is False):
            body = self.shaper.whole(request["model"], text, call)
            if drill == "cut" and not self.has("cut_shortens"):
                return Reply(502, _error_body("the model stopped", "upstream_error"), headers)
            if drill and self.has("drilled_without_text"):
                body["choices"][0]["message"]["content"] = ""
            return Reply(body=body, headers=headers)
        with_usage = bool((request.get("stream_options") or {}).get("include_usage"))
        pieces = self.shaper.streamed(request["model"], text, call, with_usage)
        if drill == "cut" and not self.has("cut_hidden"):
            error = _error_body("the model stopped", "upstream_error")
            pieces = [*pieces[:4], f"data: {json.dumps(error)}\n\n".encode(), pieces[-1]]
        elif drill == "cut":
            pieces = pieces[:4]
        if self.has("text_as_stream_type"):
            headers = headers | {"content-type": "text/plain"}
        if self.has("buffers"):
            time.sleep(len(pieces) * PIECE_SECONDS)
            return Reply(headers=headers, pieces=pieces)
        return Reply(headers=headers, pieces=self.counted(pieces), pace=PIECE_SECONDS)

    def counted(self, pieces):
        """The pieces; a stream that its caller leaves is never counted as ended."""
        self.open_streams += 1
        for position, piece in enumerate(pieces):
            if position == len(pieces) - 1:
                self.open_streams -= 1
            yield piece
