"""Workers AI over the API."""

from edgewright.localcloud.router import Route
from edgewright.localcloud.services.ai import handlers

ROUTES: list[Route] = [
    ("GET", "/accounts/{account}/ai/models/search", handlers.search),
    ("POST", "/accounts/{account}/ai/run/{model:path}", handlers.run),
    ("POST", "/accounts/{account}/ai/v1/chat/completions", handlers.chat),
    ("POST", "/accounts/{account}/ai/v1/embeddings", handlers.embeddings),
]
