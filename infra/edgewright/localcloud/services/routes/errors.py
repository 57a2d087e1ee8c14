"""Errors of routes, custom domains and subdomains (cloudflare-api facts 4.8-4.10)."""

from edgewright.localcloud.error_row import Row

ERRORS = {
    10007: Row(404, "This Worker does not exist on your account."),
    10009: Row(404, "Route not found."),
    10019: Row(
        400,
        "Cannot configure a route for a Worker which does not exist. Please ensure this Worker exists and try again.",
    ),
    10020: Row(409, "A route with the same pattern already exists."),
    10022: Row(400, "Invalid route pattern '{pattern}': {detail}"),
    10063: Row(400, "Invalid workers.dev subdomain '{subdomain}'."),
    100114: Row(404, "Custom domain not found."),
    100117: Row(400, "Invalid custom domain: {detail}"),
}
