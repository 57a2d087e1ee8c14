"""The proxy's HTTP API as OpenAPI 3.1: one source, cut to what a stack has switched on."""

from edgewright.openapi.document import METHODS, document, whole
from edgewright.openapi.reference import reference

__all__ = ["METHODS", "document", "reference", "whole"]
