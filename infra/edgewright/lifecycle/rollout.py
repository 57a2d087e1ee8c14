"""A release by steps: beside the old version, verified, raised while it does as well, taken back when it does not.

Each move is one deployment; a call that finds the moves of an earlier one goes on from there (see ``journal``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from edgewright.engine.plan import Result, Step
from edgewright.engine.select import Engine
from edgewright.errors import ApiError, RolloutError
from edgewright.lifecycle.journal import UnderWay, back_message, released_message, step_message, under_way, unverified
from edgewright.lifecycle.script import Deployment, Script
from edgewright.lifecycle.watch import Watch

SMALLEST_SHARE = 0.01
"""Per cent that the reference of Cloudflare's API asks for at least; its guide deploys at 0 %, which is tried first."""

Ended = Literal["unchanged", "done", "rolled_back", "broken", "could_not_run"]
EXIT_CODES: dict[Ended, int] = {"unchanged": 0, "done": 0, "rolled_back": 1, "broken": 1, "could_not_run": 2}

_VERSION, _DEPLOYMENT = "WorkerVersion", "WorkersDeployment"


@dataclass(frozen=True)
class Checked:
    """What a verification came to: all promises kept, one broken, or it could not be run; ``reason`` in a sentence."""

    verdict: Literal["kept", "broken", "could_not_run"]
    reason: str = ""


# Verifies one version of the Worker, by its id.
Verify = Callable[[str], Checked]


@dataclass(frozen=True)
class Outcome:
    """How a rollout ended, and which version has all requests now."""

    ended: Ended
    version: str
    reason: str

    @property
    def exit_code(self) -> int:
        """0 released, or nothing to release; 1 taken back, or live and broken; 2 could not be done."""
        return EXIT_CODES[self.ended]


@dataclass
class Rollout:
    """One release of a deployed stack. ``watch`` None: verification alone decides."""

    engine: Engine
    script: Script
    verify: Verify
    watch: Watch | None
    steps: Sequence[float]
    tell: Callable[[str], None]

    def run(self) -> Outcome:
        """Release what the stack's program says now.

        Raises:
            RolloutError: there is nothing to stand beside, or somebody else deployed meanwhile.
            ApiError: a call failed; the next call goes on from what is live.
        """
        live = self.script.live()
        step, whole = under_way(live), unverified(live)
        if whole is not None and not self._changed(whole):
            return self._whole_verified(whole)
        if step is None:
            return self._begin(live)
        if self._changed(step.new):
            self.tell(f"an earlier release, {step.new}, was under way; this is another, so that one is taken back")
            return self._begin(self._deploy({step.old: 100.0}, back_message(step.new, "another release"), live))
        self.tell(f"going on with the release of {step.new}, which was left at {step.share:g} %")
        return self._raised(step, live) if step.verified else self._verified(step, live)

    def _changed(self, new: str) -> bool:
        """Whether the stack says something else now than when this version was made."""
        return _changes(self.engine.preview(hold=new), _VERSION) or self._made() != new

    def _begin(self, live: Deployment) -> Outcome:
        old = live.whole
        if old is None:
            raise RolloutError(
                f"two versions of {self.script.worker} share the requests, and no rollout of ours did that.",
                fix="end it first: edgewright rollback",
            )
        planned = self.engine.preview(hold=old)
        notes = _class_notes(planned)
        for note in _beside(planned):
            self.tell(note)
        # The program deploys the old version again where its state names another, e.g. after a rollback.
        self._unless_overtaken(live)
        # Also where nothing seems to change: a run that was cut may have made the version and not told of it.
        self.engine.up(hold=old)
        live = self._still(old)
        new = self._made()
        if new == old:
            self._tidy(old)
            return Outcome("unchanged", old, "what the stack says is live at 100 %")
        if notes or self.script.version(old).exports != self.script.version(new).exports:
            return self._at_once(new, notes, live)
        return self._verified(*self._placed(old, new, live))

    def _placed(self, old: str, new: str, live: Deployment) -> tuple[UnderWay, Deployment]:
        """The new version in the deployment, where only a request that names it meets it."""
        try:
            placed = self._step(old, new, 0, live, verified=False)
        except ApiError as error:
            if error.status != 400:
                raise
            self.tell(
                f"the API takes no share of 0 %: one request in {100 / SMALLEST_SHARE:,.0f} meets the new version"
            )
            placed = self._step(old, new, SMALLEST_SHARE, live, verified=False)
        self.tell(f"{new} stands beside {old}")
        found = under_way(placed)
        assert found is not None, "a step's own message is read as that step"
        return found, placed

    def _verified(self, step: UnderWay, live: Deployment) -> Outcome:
        self.tell(f"verifying {step.new}")
        checked = self.verify(step.new)
        if checked.verdict == "kept":
            return self._raised(step, live)
        ended: Ended = "rolled_back" if checked.verdict == "broken" else "could_not_run"
        return self._back(step, live, f"verification: {checked.reason}", ended)

    def _raised(self, step: UnderWay, live: Deployment) -> Outcome:
        """Raise from where it is, and watch each share, also the one at which an earlier call was cut."""
        for share in sorted({step.share, *self.steps}):
            if share < _first(self.steps) or share < step.share or share >= 100:
                continue
            if share > step.share:
                live = self._step(step.old, step.new, share, live, verified=True)
                step = UnderWay(step.old, step.new, share, live.created, verified=True)
            self.tell(f"{step.new} has {share:g} % of the requests")
            if self.watch is None:
                continue
            found = self.watch.until_judged(step, self.tell)
            if found.decision == "roll_back":
                return self._back(step, live, found.reason, "rolled_back")
            self.tell(f"at {share:g} %: {found.reason}")
        return self._finished(step.new, live)

    def _finished(self, new: str, live: Deployment) -> Outcome:
        """All requests, by the program itself, so that its state says what is live."""
        self._unless_overtaken(live)
        # What has changed since would be made as well, and nobody has verified that.
        if not self._changed(new):
            self.engine.up(hold=new)
        now = self.script.live()
        if now.whole != new:
            self._deploy({new: 100.0}, released_message(new), now)
        self._tidy(new)
        return Outcome("done", new, f"{new} has all requests")

    def _at_once(self, new: str, notes: Sequence[str], live: Deployment) -> Outcome:
        """A change of Durable Object classes: no two versions may share requests over it, and none leads back."""
        self.tell("the Durable Object classes change: the new version gets all requests at once, and there is no way")
        self.tell("back to the old one. It is verified when it is live.")
        for note in notes:
            self.tell(note)
        self._deploy({new: 100.0}, step_message(new, 100, verified=False), live)
        return self._whole_verified(new)

    def _whole_verified(self, new: str) -> Outcome:
        """What is live already; its deployment says that it is not verified until it is."""
        self.tell(f"verifying {new}")
        checked = self.verify(new)
        if checked.verdict == "kept":
            return self._finished(new, self.script.live())
        reason = f"verification: {checked.reason}; its classes leave no way back, so mend the stack and roll out"
        return Outcome("broken" if checked.verdict == "broken" else "could_not_run", new, reason)

    def _tidy(self, new: str) -> None:
        """What only the old version used is deleted now; a stack that has been changed meanwhile is left alone."""
        rest = self.engine.preview()
        if _changes(rest, _VERSION) or self._made() != new:
            self.tell("the stack has changed since this release began: roll out again to release that too")
        elif rest.changes:
            self.engine.up()
            self._take_unverified_off(new)

    def _take_unverified_off(self, new: str) -> None:
        """The program may have changed in this very moment, and its `up` have deployed what nobody has verified."""
        now = self.script.live()
        if now.whole != new:
            self.tell("the stack has changed just now: roll out again to release that too")
            self._deploy({new: 100.0}, released_message(new), now)

    def _back(self, step: UnderWay, live: Deployment, reason: str, ended: Ended) -> Outcome:
        self._deploy({step.old: 100.0}, back_message(step.new, reason), live)
        return Outcome(ended, step.old, reason)

    def _step(self, old: str, new: str, share: float, live: Deployment, *, verified: bool) -> Deployment:
        # The old version first: at equal shares the local cloud's objects stay with it.
        return self._deploy({old: 100 - share, new: float(share)}, step_message(new, share, verified=verified), live)

    def _deploy(self, shares: dict[str, float], message: str, before: Deployment) -> Deployment:
        self._unless_overtaken(before)
        return self.script.deploy(shares, message)

    def _still(self, old: str) -> Deployment:
        """The live deployment, in which the old version has all requests still."""
        live = self.script.live()
        if live.whole != old:
            raise self._overtaken()
        return live

    def _unless_overtaken(self, before: Deployment) -> None:
        if self.script.live().id != before.id:
            raise self._overtaken()

    def _overtaken(self) -> RolloutError:
        return RolloutError(
            f"somebody else deployed {self.script.worker} meanwhile; nothing more is done.",
            fix="see what is live with `edgewright versions`, and roll out again",
        )

    def _made(self) -> Any:
        """The version that the program made last."""
        return self.engine.outputs()["version_id"]


def _first(steps: Sequence[float]) -> float:
    return min(steps)


def _changes(planned: Result, kind: str) -> bool:
    return any(step.short_type == kind and step.operation not in ("same", "retain") for step in planned.steps)


def _class_notes(planned: Result) -> tuple[str, ...]:
    """What the change of classes means; nothing where they stay."""
    versions = [step for step in planned.steps if step.short_type == _VERSION]
    return tuple(note for step in versions for note in step.notes)


def _beside(planned: Result) -> list[str]:
    """What is not part of a version: it is there at once, before anything is verified."""
    others = [step for step in planned.steps if step.short_type not in (_VERSION, _DEPLOYMENT)]
    return [_told(step) for step in others if step.operation not in ("same", "retain", "delete")]


def _told(step: Step) -> str:
    return f"not part of the version, so at once: {step.operation} {step.short_type} {step.name}"
