"""Refusals of the control API."""

from __future__ import annotations

from typing import Any


class ControlError(Exception):
    """Answered with status 400 and the message."""


def bad_control(field: str, value: Any, fix: str) -> ControlError:
    """The field, its value and what to do."""
    return ControlError(f"{field}: {value!r} is not accepted; {fix}")
