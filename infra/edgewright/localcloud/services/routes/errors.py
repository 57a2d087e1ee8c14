"""Errors of routes, custom domains and subdomains (cloudflare-api facts 4.8-4.10)."""

from edgewright.localcloud.error_row import Row

ERRORS = {
    10007: Row(404, "This Worker does not exist on your account.", "reported"),
    10009: Row(404, "Route not found.", "ours", "status, text"),
    10019: Row(
        400,
        "Cannot configure a route for a Worker which does not exist. Please ensure this Worker exists and try again.",
        "third party",
    ),
    10020: Row(409, "A route with the same pattern already exists.", "reported"),
    10022: Row(400, "Invalid route pattern '{pattern}': {detail}", "third party", "text"),
    10063: Row(400, "Invalid workers.dev subdomain '{subdomain}'.", "third party", "status, text"),
    100114: Row(404, "Custom domain not found.", "third party", "text"),
    100117: Row(400, "Invalid custom domain: {detail}", "ours", "status, text"),
}
