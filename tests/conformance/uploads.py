"""Bodies of uploads."""

import base64

DATE = "2026-11-01"
OK = "export default { fetch() { return new Response('ok') } }"


def module(code, name="entry.js"):
    """One ES module."""
    content = base64.b64encode(code.encode()).decode()
    return {"name": name, "content_type": "application/javascript+module", "content_base64": content}


def version(code=OK, **more):
    """A version with one module."""
    return {"main_module": "entry.js", "compatibility_date": DATE, "modules": [module(code)], **more}
