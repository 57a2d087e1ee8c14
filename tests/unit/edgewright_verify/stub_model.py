"""What the stub proxy's models say, and the flaws its answers can have."""

import hashlib
import itertools
import json

WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "größe", "🚀")
PIECE_SECONDS = 0.008
_ids = itertools.count(1)


def text_for(prompt, model):
    """A model's text depends on the prompt, and not on how it is asked for it."""
    return f"{hashlib.sha256(prompt.encode()).hexdigest()[:6]} {model}: " + ", ".join(WORDS)


def usage():
    return {"prompt_tokens": 11, "completion_tokens": 12, "total_tokens": 23}


class Shaper:
    """Puts a text or a tool call into OpenAI's shapes; ``flaws`` spoil one thing each."""

    def __init__(self, flaws):
        self.flaws = flaws

    def new_id(self):
        return f"chatcmpl-{next(_ids)}"

    def whole(self, model, text, call=None):
        message = {"role": "assistant", "content": None if call else text}
        if call:
            message["tool_calls"] = [{"id": "call_1", "type": "function", "function": call}]
        body = {
            "id": self.new_id(),
            "object": "chat.completion",
            "created": 1,
            "model": "other" if "answers_under_another_name" in self.flaws else model,
            "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if call else "stop"}],
            "usage": usage(),
        }
        for flaw, spoil in WHOLE_FLAWS.items():
            if flaw in self.flaws:
                spoil(body)
        return body

    def streamed(self, model, text, call=None, with_usage=False):
        """The pieces of a stream as bytes, one event each."""
        base = {"id": self.new_id(), "object": "chat.completion.chunk", "created": 1, "model": model}

        def chunk(delta, finish=None, **more):
            return base | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]} | more

        frames = [chunk({"role": "assistant", "content": None if call else ""})]
        frames += [chunk(delta) for delta in (_call_deltas(call) if call else _text_deltas(text))]
        frames.append(chunk({}, "tool_calls" if call else "stop"))
        if with_usage:
            frames.append(base | {"choices": [], "usage": usage()})
        for flaw, spoil in STREAM_FLAWS.items():
            if flaw in self.flaws:
                frames = spoil(frames)
        pieces = [f"data: {json.dumps(frame, ensure_ascii=False)}\n\n".encode() for frame in frames]
        pieces.append(b"data: [DONE]\n\n")
        for flaw, spoil in WIRE_FLAWS.items():
            if flaw in self.flaws:
                pieces = spoil(pieces)
        return pieces


def _text_deltas(text):
    return [{"content": word + " "} for word in text.split(" ")[:-1]] + [{"content": text.split(" ")[-1]}]


def _call_deltas(call):
    opened = {"index": 0, "id": "call_1", "type": "function", "function": {"name": call["name"], "arguments": ""}}
    middle = len(call["arguments"]) // 2
    halves = (call["arguments"][:middle], call["arguments"][middle:])
    return [
        {"tool_calls": [opened]},
        *({"tool_calls": [{"index": 0, "function": {"arguments": half}}]} for half in halves),
    ]


def _each(change):
    """A flaw in every frame but the first."""
    return lambda frames: [frames[0], *(change(dict(frame), position) for position, frame in enumerate(frames[1:]))]


def _set(**values):
    return lambda frame, _: frame | values


WHOLE_FLAWS = {
    "whole_without_usage": lambda body: body.pop("usage"),
    "whole_without_finish": lambda body: body["choices"][0].update(finish_reason=None),
    "whole_calls_itself_chunk": lambda body: body.update(object="chat.completion.chunk"),
    "arguments_as_object": lambda body: [
        call["function"].update(arguments=json.loads(call["function"]["arguments"]))
        for call in body["choices"][0]["message"].get("tool_calls", [])
    ],
}

STREAM_FLAWS = {
    "changing_ids": _each(lambda frame, position: frame | {"id": f"chatcmpl-x{position}"}),
    "whole_objects": _each(_set(object="chat.completion")),
    "no_role": lambda frames: [frames[0] | {"choices": []}, *frames[1:]],
    "role_everywhere": _each(
        lambda frame, _: (
            frame | {"choices": [c | {"delta": {**c["delta"], "role": "assistant"}} for c in frame["choices"]]}
        )
    ),
    "role_late": lambda frames: [frames[1], frames[0], *frames[2:]],
    "no_finish": lambda frames: [f for f in frames if not (f["choices"] and f["choices"][0]["finish_reason"])],
    "two_finishes": lambda frames: [
        *frames[:2],
        *([frames[-1]] if frames[-1]["choices"] else [frames[-2]]),
        *frames[2:],
    ],
    "text_after_finish": lambda frames: [*frames[:-2], frames[-1], frames[-2]] if frames[-1]["choices"] else frames,
    "one_delta": lambda frames: [frames[0], frames[1], frames[-1]] if frames[-1]["choices"] else frames,
    "usage_lost": lambda frames: [frame for frame in frames if frame["choices"]],
    "usage_in_text": lambda frames: (
        [*frames[:-1], frames[-1] | {"choices": frames[-2]["choices"]}] if not frames[-1]["choices"] else frames
    ),
    "usage_always": lambda frames: [frame | {"usage": usage()} if frame is frames[-1] else frame for frame in frames],
}

WIRE_FLAWS = {
    "no_done": lambda pieces: pieces[:-1],
    "two_dones": lambda pieces: [*pieces, pieces[-1]],
    "text_after_done": lambda pieces: [*pieces, pieces[1]],
    "strange_frame": lambda pieces: [pieces[0], b"data: {half\n\n", *pieces[1:]],
    "unended_frame": lambda pieces: [*pieces, b'data: {"id"'],
    "broken_utf8": lambda pieces: [piece.replace("🚀".encode(), "🚀".encode()[:2]) for piece in pieces],
    "replaced_letters": lambda pieces: [piece.replace("🚀".encode(), "\ufffd".encode()) for piece in pieces],
}
