"""All requests back to a version that has been."""

from __future__ import annotations

from itertools import pairwise

from edgewright.errors import ApiError, RolloutError
from edgewright.lifecycle.journal import back_message, released_message, taken_back, under_way
from edgewright.lifecycle.script import Deployment, Script, Version

SHORTEST_NAME = 8
"""Characters of an id or a hash that name a version; as many as `edgewright versions` shows of a hash."""


def roll_back(script: Script, wanted: str | None = None) -> str:
    """Give one version all requests; its id. ``wanted`` is a number, an id, or the first 8 characters of an id or hash.

    Without it: the old version of a rollout under way, else the last that had all requests and was not taken back.

    Raises:
        RolloutError: no such version, several, or it is live already.
        ApiError: the API refused, e.g. as a class of Durable Objects has changed since.
    """
    live = script.live()
    target = _before(script.deployments()) if wanted is None else _named(script, wanted)
    if live.whole == target:
        raise RolloutError(f"{target} has all requests already.", fix="see `edgewright versions`")
    left = max((share, version) for version, share in live.shares.items() if version != target)[1]
    number = {version.id: version.number for version in script.versions()}
    back = number.get(left, 0) > number.get(target, 0)
    try:
        # Who goes forward to a newer version takes nothing back.
        script.deploy({target: 100.0}, back_message(left, "by hand") if back else released_message(target))
    except ApiError as error:
        raise ApiError(
            error.message,
            status=error.status,
            code=error.code,
            fix="no version comes back over a change of Durable Object classes: mend the stack and roll out",
        ) from None
    return target


def _before(deployments: list[Deployment]) -> str:
    live = deployments[0]
    step = under_way(live)
    if step is not None:
        return step.old
    left = {live.whole}
    for earlier, later in pairwise(deployments):
        left.add(taken_back(earlier))
        if later.whole is not None and later.whole not in left:
            return later.whole
    raise RolloutError("there is no version before this one.", fix="name one of `edgewright versions` with --to")


def _named(script: Script, wanted: str) -> str:
    known = script.versions()
    # A number is meant before the first digit of an id.
    found = [version for version in known if str(version.number) == wanted] or [
        version for version in known if _begins(version, wanted)
    ]
    if len(found) != 1:
        some = "no version" if not found else f"{len(found)} versions"
        raise RolloutError(f"--to: {some} of {script.worker} can be named {wanted!r}.", fix="see `edgewright versions`")
    return found[0].id


def _begins(version: Version, wanted: str) -> bool:
    # Shorter, it may be the number of a version that is gone.
    return len(wanted) >= SHORTEST_NAME and any(name.startswith(wanted) for name in (version.id, version.hash) if name)
