"""Everything that Edgewright raises on purpose.

::

    EdgewrightError            a sentence for the user, with the fix where there is one
    ├── ConfigError            the stack file or its secrets; carries every finding at once
    ├── RenderError            a template or a module of the Worker
    ├── ApiError               Cloudflare's API answered, or failed to
    ├── EngineError            the Pulumi program, the CLI, or the state of a stack
    ├── LocalCloudError        the local cloud or workerd
    ├── UsageError             a report of usage cannot be had
    ├── RolloutError           a release cannot begin, or another deployment got in its way
    ├── EvidenceError          evidence cannot be signed, or a file of it cannot be read
    └── VerifyError            the harness could not be run at all

The CLI prints these without a traceback and exits 2. Catch ``EdgewrightError`` to catch them all.
"""

from __future__ import annotations


class EdgewrightError(Exception):
    """A failure whose message is meant to be read by the user.

    ``fix`` is one sentence that says what to do; ``str(error)`` holds both.
    """

    def __init__(self, message: str, *, fix: str | None = None) -> None:
        super().__init__(message if fix is None else f"{message}\n  fix: {fix}")
        self.message = message
        self.fix = fix


class ConfigError(EdgewrightError):
    """The stack configuration is wrong; ``findings`` lists every reason."""

    def __init__(self, message: str, *, findings: tuple[str, ...] = (), fix: str | None = None) -> None:
        super().__init__("\n".join([message, *findings]), fix=fix)
        self.findings = findings


class RenderError(EdgewrightError):
    """A template uses an unknown value, or a module imports a file that is not there."""


class ApiError(EdgewrightError):
    """Cloudflare's API refused a call or could not be reached.

    ``status`` is the HTTP status (None: no answer), ``code`` the first error code of the envelope.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: int | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(message, fix=fix)
        self.status = status
        self.code = code


class EngineError(EdgewrightError):
    """The Pulumi program failed, the CLI is missing, or a stack's state cannot be used."""


class LocalCloudError(EdgewrightError):
    """The local cloud or workerd could not start, or stopped by itself."""


class UsageError(EdgewrightError):
    """A report of usage cannot be had: the proxy or Analytics Engine does not answer, or refuses."""


class RolloutError(EdgewrightError):
    """A release cannot begin or go on: nothing is deployed, or somebody else deployed meanwhile."""


class EvidenceError(EdgewrightError):
    """Evidence cannot be signed, or a file of it or its key is missing or unfit."""


class VerifyError(EdgewrightError):
    """The harness could not be run at all."""
