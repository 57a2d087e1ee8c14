"""Whether what one stack has live and verified may be released to another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from edgewright.config import StackConfig
from edgewright.errors import RolloutError
from edgewright.lifecycle import content
from edgewright.lifecycle.evidence import Live
from edgewright.lifecycle.script import Deployment, Script
from edgewright.rendering import render

LASTS_SECONDS = 86_400
"""Older evidence says nothing: upstreams and models change without a deployment."""

# Why the source's evidence does not stand for what is live.
Misfits = Callable[[Live], Iterable[str]]


@dataclass(frozen=True)
class Promotion:
    """From the stack called ``source`` to the one called ``target``.

    ``suites`` must all have been run; ``accepted`` are sections of the configuration that may differ although they
    are not an environment's own.
    """

    source: str
    target: str
    from_config: StackConfig
    to_config: StackConfig
    suites: Sequence[str]
    accepted: Sequence[str] = field(default=())

    def check(self, script: Script, misfits: Misfits) -> list[content.Difference]:
        """The values in which the two differ, if the promotion may go on; ``script`` is the source's Worker.

        Raises:
            RolloutError: it may not; names every reason. Or the evidence cannot be read.
            ApiError: the source's live version cannot be read.
        """
        found = content.differences(self.from_config, self.to_config)
        deployment = script.live()
        live = script.version(deployment.whole).hash if deployment.whole else ""
        reasons = [*self._live(deployment, live), *self._code(), *self._values(found)]
        fix = f"Fix: edgewright verify --stack {self.source} --evidence."
        held = misfits(Live(self.source, script.worker, deployment, live, self.suites))
        reasons += [f"{self.source}: its evidence does not fit: {each}. {fix}" for each in held]
        if reasons:
            listed = "".join(f"\n  - {reason}" for reason in reasons)
            raise RolloutError(f"{self.source} cannot be promoted to {self.target}:{listed}")
        return found

    def _live(self, deployment: Deployment, live: str) -> Iterator[str]:
        if deployment.whole is None:
            yield f"{self.source}: two versions share its requests. Fix: let its rollout end, or edgewright rollback."
            return
        rendered = render(self.from_config).content_hash
        if live != rendered:
            yield (
                f"{self.source}: {live[:12] or 'an unknown content'} is live, and this checkout renders "
                f"{rendered[:12]} for it. Fix: check out what is live, or edgewright rollout --stack {self.source}."
            )

    def _code(self) -> Iterator[str]:
        if content.code_hash(self.from_config) == content.code_hash(self.to_config):
            return
        listed = ", ".join(content.code_differences(self.from_config, self.to_config))
        yield (
            f"{self.target}: runs other code than {self.source}: {listed}. "
            f"Fix: switch the same features on in both (verification.drills may differ)."
        )

    def _values(self, found: list[content.Difference]) -> Iterator[str]:
        for each in found:
            if not each.expected and each.section not in self.accepted:
                yield (
                    f"{self.target}: {each.key} is {each.target!r}, and {each.source!r} in {self.source}, where it was "
                    f"verified. Fix: make them equal, or --accept {each.section}."
                )
