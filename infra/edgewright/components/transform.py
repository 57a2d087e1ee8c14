"""The way out for what EdgeProxy does not wrap: amend any child's arguments before it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

# Receives the keyword arguments of the child's resource class and returns those to use.
Transform = Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]

CHILDREN = ("namespace", "worker", "version", "deployment", "route", "custom_domain")


def transformed(transform: Transform, child: str, args: dict[str, Any]) -> dict[str, Any]:
    """``args`` after the caller's transform of ``child``, if there is one."""
    return transform[child](args) if child in transform else args
