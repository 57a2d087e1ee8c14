"""KV's errors (cloudflare-api facts 7). 10012 stands for every broken limit; its statuses are workerd's own."""

from edgewright.localcloud.error_row import Row

ERRORS = {
    10009: Row(404, "get: 'key not found'", "third party"),
    10012: Row(400, "{operation}: '{detail}'", "third party", "status, text"),
    10013: Row(404, "{operation}: 'namespace not found'", "reported"),
    10014: Row(400, "create namespace: 'a namespace with this account ID and title already exists'", "reported"),
    10019: Row(400, "create namespace: 'title is required'", "third party", "text"),
    10029: Row(400, "{operation}: 'no keys were given'", "third party", "text"),
    10034: Row(400, "put: 'expiration_ttl must be at least 60 seconds, got {seconds}'", "third party", "text"),
}
