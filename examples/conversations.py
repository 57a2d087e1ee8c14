"""A conversation over two turns, and a stream whose connection is lost and that is read again to the byte.

    edgewright local up                       # prints the URL and a key
    EDGE_URL=... EDGE_API_KEY=... python examples/conversations.py

Needs ``pip install httpx openai``.
"""

import os
import re
import uuid

import httpx
from openai import OpenAI

URL, KEY = os.environ.get("EDGE_URL", "").rstrip("/"), os.environ.get("EDGE_API_KEY")
if not URL or not KEY:
    raise SystemExit("EDGE_URL and EDGE_API_KEY: not set. Fix: take both from what `edgewright local up` prints.")
TALK = f"example-{uuid.uuid4().hex[:8]}"
AFTER = 3
"""Events after which the connection is lost."""


def two_turns() -> None:
    """Any OpenAI client has conversations by one more header."""
    with OpenAI(base_url=f"{URL}/v1", api_key=KEY, default_headers={"X-Conversation-Id": TALK}) as client:
        for text in ("My name is Ada.", "What is my name?"):
            answer = client.chat.completions.create(model="small", messages=[{"role": "user", "content": text}])
            print(f"> {text}\n{answer.choices[0].message.content}\n")


def lost_and_resumed(http: httpx.Client) -> None:
    """Every event has a number, as the ``id`` of its frame: who has seen number n asks for what follows it."""
    body = {"model": "small", "stream": True, "messages": [{"role": "user", "content": "Tell me a slow story."}]}
    seen = ""
    with http.stream("POST", "/chat/completions", json=body, headers={"X-Conversation-Id": TALK}) as response:
        run = response.headers["x-edge-run"]
        for text in response.iter_text():
            seen += text
            if whole_frames(seen) >= AFTER:
                break  # the train enters a tunnel
    # A frame may have been cut in its middle: what counts is the last that came whole.
    seen = seen[: seen.rindex("\n\n") + 2]
    last = re.findall(r"^id: (\d+)$", seen, re.MULTILINE)[-1]
    events = f"/conversations/{TALK}/runs/{run}/events"
    rest = http.get(events, headers={"Last-Event-ID": last}).text
    whole = http.get(events).text
    print(f"lost after event {last}; {rest.count('id: ')} more events came after it")
    print(f"the two halves are the whole, byte for byte: {(seen + rest).endswith(whole)}")


def whole_frames(text: str) -> int:
    """How many frames with a number have come whole."""
    return len(re.findall(r"^id: \d+\n.*\n\n", text, re.MULTILINE))


with httpx.Client(base_url=f"{URL}/v1", headers={"Authorization": f"Bearer {KEY}"}, timeout=60) as http:
    two_turns()
    lost_and_resumed(http)
    print(f"messages kept: {len(http.get(f'/conversations/{TALK}').json()['messages'])}")
    http.delete(f"/conversations/{TALK}").raise_for_status()
