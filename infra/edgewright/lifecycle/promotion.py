"""Whether what one stack has live and verified may be released to another."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from edgewright.config import StackConfig
from edgewright.errors import RolloutError
from edgewright.lifecycle import content, verified
from edgewright.lifecycle.script import Script
from edgewright.rendering import render


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
    suites: Collection[str]
    accepted: Collection[str] = field(default=())

    def check(self, script: Script, evidence: verified.Source, now: float) -> list[content.Difference]:
        """The values in which the two differ, if the promotion may go on; ``script`` is the source's Worker.

        Raises:
            RolloutError: it may not; names every reason. Or the evidence cannot be read.
            ApiError: the source's live version cannot be read.
        """
        found = content.differences(self.from_config, self.to_config)
        rendered = render(self.from_config).content_hash
        reasons = [*self._live(script, rendered), *self._code(), *self._values(found)]
        fix = f"Fix: edgewright verify --stack {self.source} --evidence."
        reasons += [
            f"{self.source}: {each}. {fix}" for each in verified.problems(evidence.last(), rendered, self.suites, now)
        ]
        if reasons:
            listed = "".join(f"\n  - {reason}" for reason in reasons)
            raise RolloutError(f"{self.source} cannot be promoted to {self.target}:{listed}")
        return found

    def _live(self, script: Script, rendered: str) -> Iterator[str]:
        live = script.live().whole
        if live is None:
            yield f"{self.source}: two versions share its requests. Fix: let its rollout end, or edgewright rollback."
            return
        found = script.version(live).hash
        if found != rendered:
            yield (
                f"{self.source}: {found[:12] or 'an unknown content'} is live, and this checkout renders "
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
