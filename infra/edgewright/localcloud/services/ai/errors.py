"""Errors of Workers AI (copilotedge facts 7.3). Codes with 7xxx and 8xxx were seen in the wild, undocumented."""

from edgewright.localcloud.error_row import Row

ERRORS = {
    971: Row(429, "Please wait and consider throttling your request speed", "documented"),
    3006: Row(413, "Request too large: the prompt exceeds the model's context window", "documented"),
    3036: Row(429, "You have used up your daily free allocation of 10,000 neurons", "documented"),
    3040: Row(429, "Capacity temporarily exceeded, please try again.", "documented"),
    5004: Row(400, "Invalid data: {detail}", "documented"),
    5007: Row(400, "No such model {model} or task", "documented"),
    7009: Row(503, "Upstream service unavailable", "reported", "text"),
    8007: Row(500, "Internal server error", "reported", "text"),
}
