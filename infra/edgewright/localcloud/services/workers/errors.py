"""Errors of Workers, versions and deployments, shared by both API families (cloudflare-api facts 5 and 7)."""

from edgewright.localcloud.error_row import Row

ERRORS = {
    10001: Row(400, "Invalid request body: {detail}"),
    10007: Row(404, "This Worker does not exist on your account."),
    10013: Row(409, "A Worker named '{name}' already exists."),
    10016: Row(400, "Invalid Worker name '{name}': use 1-63 lower-case letters, digits, '-' and '_'."),
    10021: Row(400, "{detail}"),
    10027: Row(
        413,
        "Your Worker exceeded the size limit of 3 MiB. Please upgrade to a paid plan to deploy Workers up to 10 MiB.",
    ),
    10041: Row(400, "KV namespace '{namespace}' not found."),
    10042: Row(400, "Binding '{name}' is not valid: {detail}"),
    10053: Row(400, "Binding name '{name}' is used more than once."),
    10056: Row(404, "Secret or binding '{name}' not found."),
    10057: Row(400, "Binding '{name}' inherits a binding that the version before does not have."),
    10061: Row(
        400,
        "Cannot create binding for class '{name}' because it is not currently configured to implement Durable Objects. "
        "Ensure a --new-class migration has been applied to it.",
    ),
    10064: Row(
        400,
        "New version of script does not export class '{name}' which is depended on by existing Durable Objects. "
        "Did you forget to include it? If you renamed it, try a rename-class migration. If you want to delete all the "
        "Durable Objects implemented by the class, you can use a delete-class migration",
    ),
    10070: Row(400, "Cannot apply new-class migration to class '{name}' that is not exported by script"),
    10079: Row(
        412,
        "Actor migration tag precondition failed, got tag '{got}' when expected tag is '{expected}'. "
        "Please make sure the tags match and try again.",
    ),
    10090: Row(404, "workers.api.error.service_not_found"),
    10144: Row(400, "Service binding '{name}' names the Worker '{service}', which does not exist."),
    10195: Row(400, "Invalid deployment: {detail}"),
    10336: Row(404, "Deployment not found."),
    100146: Row(404, "Version '{version}' not found."),
    100402: Row(400, "Invalid exports: {detail}"),
}
