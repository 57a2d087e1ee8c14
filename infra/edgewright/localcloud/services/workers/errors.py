"""Errors of Workers, versions and deployments, shared by both API families (cloudflare-api facts 5 and 7)."""

from edgewright.localcloud.error_row import Row

ERRORS = {
    10001: Row(400, "Invalid request body: {detail}", "third party", "text"),
    10007: Row(404, "This Worker does not exist on your account.", "reported"),
    10013: Row(409, "A Worker named '{name}' already exists.", "third party", "status, text"),
    10016: Row(
        400, "Invalid Worker name '{name}': use 1-63 lower-case letters, digits, '-' and '_'.", "ours", "status, text"
    ),
    10021: Row(400, "{detail}", "reported"),
    10027: Row(
        413,
        "Your Worker exceeded the size limit of 3 MiB. Please upgrade to a paid plan to deploy Workers up to 10 MiB.",
        "reported",
        "status",
    ),
    10041: Row(400, "KV namespace '{namespace}' not found.", "third party"),
    10042: Row(400, "Binding '{name}' is not valid: {detail}", "third party", "text"),
    10053: Row(400, "Binding name '{name}' is used more than once.", "third party", "text"),
    10056: Row(404, "Secret or binding '{name}' not found.", "third party", "text"),
    10057: Row(
        400, "Binding '{name}' inherits a binding that the version before does not have.", "third party", "text"
    ),
    # The detail says why: never configured, or not exported by the script.
    10061: Row(400, "Cannot create binding for class {detail}", "reported", "status"),
    10064: Row(
        400,
        "New version of script does not export class '{name}' which is depended on by existing Durable Objects. "
        "Did you forget to include it? If you renamed it, try a rename-class migration. If you want to delete all the "
        "Durable Objects implemented by the class, you can use a delete-class migration",
        "reported",
        "status",
    ),
    10066: Row(404, "Durable Object namespace not found.", "ours", "status, text"),
    10070: Row(
        400, "Cannot apply new-class migration to class '{name}' that is not exported by script", "reported", "status"
    ),
    10074: Row(400, "Cannot apply {detail}", "reported", "status"),
    10079: Row(
        412,
        "Actor migration tag precondition failed, got tag '{got}' when expected tag is '{expected}'. "
        "Please make sure the tags match and try again.",
        "reported",
    ),
    10090: Row(404, "workers.api.error.service_not_found", "third party"),
    10097: Row(
        400,
        "In order to use Durable Objects with a free plan, you must create a namespace using a "
        "`new_sqlite_classes` migration.",
        "reported",
        "status",
    ),
    10144: Row(
        400,
        "Service binding '{name}' names the Worker '{service}', which does not exist.",
        "third party",
        "status, text",
    ),
    10195: Row(400, "Invalid deployment: {detail}", "ours", "status, text"),
    10336: Row(404, "Deployment not found.", "third party", "text"),
    100146: Row(404, "Version '{version}' not found.", "third party", "text"),
    100402: Row(400, "Durable Object exports reconciliation failed: {detail}", "documented", "text"),
    100405: Row(
        400,
        "The versions of a split deployment must declare the same Durable Object exports.",
        "documented",
        "status, text",
    ),
    100406: Row(
        400,
        "A binding names the Durable Object export '{name}', which has no namespace yet: deploy it whole.",
        "documented",
        "status, text",
    ),
}
