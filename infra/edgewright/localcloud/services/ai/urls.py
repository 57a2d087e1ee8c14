"""Workers AI over the API."""

from edgewright.localcloud.router import Route
from edgewright.localcloud.services.ai import handlers

_AI = "/accounts/{account}/ai"

ROUTES = (
    Route("GET", _AI + "/models/search", handlers.search),
    Route("POST", _AI + "/v1/chat/completions", handlers.chat, alone=False),
    Route("POST", _AI + "/v1/embeddings", handlers.embeddings, alone=False),
    Route("POST", _AI + "/run/{model*}", handlers.run, alone=False),
)
