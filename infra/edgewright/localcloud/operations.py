"""Every operation of Cloudflare's API that is offered, by family."""

from __future__ import annotations

from edgewright.localcloud.router import Route
from edgewright.localcloud.services.ai.urls import ROUTES as AI
from edgewright.localcloud.services.analytics.urls import ROUTES as ANALYTICS
from edgewright.localcloud.services.identity.urls import ROUTES as IDENTITY
from edgewright.localcloud.services.kv.urls import ROUTES as KV
from edgewright.localcloud.services.routes.urls import ROUTES as ROUTES
from edgewright.localcloud.services.scripts.urls import ROUTES as SCRIPTS
from edgewright.localcloud.services.workers.urls import ROUTES as WORKERS
from edgewright.localcloud.services.zones.urls import ROUTES as ZONES

FAMILIES: dict[str, tuple[Route, ...]] = {
    "identity": IDENTITY,
    "zones": ZONES,
    "kv": KV,
    "workers": WORKERS,
    "routes": ROUTES,
    "scripts": SCRIPTS,
    "ai": AI,
    "analytics": ANALYTICS,
}
"""In the order in which a router tries them."""
