"""multipart/form-data as bytes: werkzeug's own parsing decodes parts without a file name as text."""

from __future__ import annotations

from dataclasses import dataclass, field

from werkzeug import Request
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData


@dataclass
class Part:
    """One part; ``filename`` and ``content_type`` are "" where it has none."""

    name: str
    filename: str = ""
    content_type: str = ""
    data: bytearray = field(default_factory=bytearray)


def read_form(request: Request) -> list[Part] | None:
    """The parts in their order; None if the body is no such form.

    Raises:
        ValueError: the form is broken.
    """
    boundary = request.mimetype_params.get("boundary")
    if request.mimetype != "multipart/form-data" or not boundary:
        return None
    decoder = MultipartDecoder(boundary.encode())
    decoder.receive_data(request.get_data())
    decoder.receive_data(None)
    parts: list[Part] = []
    while not isinstance(event := decoder.next_event(), Epilogue | NeedData):
        if isinstance(event, File | Field):
            filename = event.filename if isinstance(event, File) else ""
            parts.append(Part(event.name or "", filename, event.headers.get("content-type", "")))
        elif isinstance(event, Data):
            parts[-1].data += event.data
    return parts
