"""A project for a user: answers -> files."""

from edgewright.scaffold.answers import DEFAULT_MODELS, Answers, parsed_models
from edgewright.scaffold.files import files, write

__all__ = ["DEFAULT_MODELS", "Answers", "files", "parsed_models", "write"]
