"""Script uploads and downloads as multipart/form-data (cloudflare-api facts 4.3)."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

from werkzeug import Request

from edgewright.localcloud.envelope import EnvelopeError
from edgewright.localcloud.form import Part, read_form
from edgewright.localcloud.storage import Doc


def read_upload(request: Request) -> dict[str, Any]:
    """The metadata, with the code parts as ``modules``.

    Raises:
        EnvelopeError: 10001 it is no such form, 10021 it is a service-worker script.
    """
    try:
        parts = read_form(request)
    except ValueError as error:
        raise EnvelopeError("workers", 10001, detail=f"the form is broken ({error})") from None
    if parts is None:
        raise EnvelopeError("workers", 10001, detail=f"content type {request.mimetype!r}; send multipart/form-data")
    metadata = _metadata(parts)
    if "main_module" not in metadata:
        detail = "metadata.main_module is missing; service-worker scripts do not run in the local cloud"
        raise EnvelopeError("workers", 10021, detail=detail)
    modules = [
        {
            "name": part.filename or part.name,
            "content_type": part.content_type,
            "content_base64": base64.b64encode(part.data).decode(),
        }
        for part in parts
        if part.name != "metadata"
    ]
    return {**metadata, "modules": modules}


def write_content(version: Doc, modules: list[Doc]) -> tuple[bytes, str]:
    """The code as a form, the main module first, and the form's content type."""
    boundary = uuid.uuid4().hex
    ordered = sorted(modules, key=lambda module: module["name"] != version["main_module"])
    parts = []
    for module in ordered:
        name = module["name"].replace('"', "%22")
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
            f"Content-Type: {module['content_type']}\r\n\r\n"
        )
        parts.append(head.encode() + base64.b64decode(module["content_base64"]) + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _metadata(parts: list[Part]) -> dict[str, Any]:
    found = [part.data for part in parts if part.name == "metadata"]
    if not found:
        raise EnvelopeError("workers", 10001, detail="the form has no part named metadata")
    try:
        metadata = json.loads(found[0])
    except ValueError:
        raise EnvelopeError("workers", 10001, detail="metadata is not JSON") from None
    if not isinstance(metadata, dict):
        raise EnvelopeError("workers", 10001, detail="metadata is not a JSON object")
    return metadata
