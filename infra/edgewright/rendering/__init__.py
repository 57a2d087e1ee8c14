"""Stack configuration -> the ES modules that are uploaded."""

from edgewright.rendering.bundle import Bundle, Module, render

__all__ = ["Bundle", "Module", "render"]
