"""Errors of zones and DNS records."""

from edgewright.localcloud.error_row import Row

ERRORS = {
    9005: Row(400, "Invalid DNS record: {detail}", "reported", "text"),
    81044: Row(404, "Record does not exist.", "reported"),
    81058: Row(400, "An identical record already exists.", "reported"),
}
