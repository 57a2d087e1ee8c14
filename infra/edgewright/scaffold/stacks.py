"""The stack files of a new project."""

from __future__ import annotations

from typing import Any

import yaml

from edgewright import assets
from edgewright.config import PROJECT, from_values
from edgewright.scaffold.answers import Answers

UPSTREAM = "workers-ai"
PLACEHOLDER = "<your account id>"
"""Stands for an account id that is not known yet: every command that reads it refuses it and names the fix."""

TRIAL = "trial"  # the model that the local stack keeps for the suite `limits`

_ABOUT = {
    "local": "The local cloud: no account, no network, no login.",
    "dev": "A stack for development on a real account.",
    "staging": "Rehearses production: the same shape, drills on so that CI can prove it.",
    "prod": "Production: protected, one log in ten, and the cache survives.",
}
STACKS = tuple(_ABOUT)


def stack_text(answers: Answers, stack: str) -> str:
    """The file ``Pulumi.<stack>.yaml``.

    Raises:
        ConfigError: an answer does not fit; names the key, the value and the fix.
    """
    values = _local(answers) if stack == "local" else _deployed(answers, stack)
    _check(values, stack)
    config = {f"{PROJECT}:{key}": value for key, value in values.items()}
    return f"# {_ABOUT[stack]}\n" + yaml.safe_dump({"config": config}, sort_keys=False, width=120)


def _models(answers: Answers) -> dict[str, Any]:
    return {
        name: {"targets": [{"upstream": UPSTREAM, "model": model} for model in models]}
        for name, models in answers.models.items()
    }


def _shared(answers: Answers) -> dict[str, Any]:
    return {
        "name": answers.name,
        "upstreams": {UPSTREAM: {"type": "workers-ai"}},
        "models": _models(answers),
        "default_model": next(iter(answers.models)),
    }


def _local(answers: Answers) -> dict[str, Any]:
    """The stack that the package carries, with the user's models."""
    document = yaml.safe_load((assets.root() / "Pulumi.local.yaml").read_text("utf8"))
    carried = {key.removeprefix(f"{PROJECT}:"): value for key, value in document["config"].items()}
    shared = _shared(answers)
    return {**carried, **shared, "models": {TRIAL: carried["models"][TRIAL], **shared["models"]}}


def _deployed(answers: Answers, stack: str) -> dict[str, Any]:
    values = {"account_id": answers.account_id or PLACEHOLDER, "environment": stack, **_shared(answers)}
    values["cache"] = {"enabled": True, "ttl_seconds": 600 if stack == "dev" else 3600}
    values["usage"] = {"enabled": True}
    values["auth"] = {"keys": {"ci": {"tenant": "ci"}}}
    if stack == "prod":
        values["auth"]["keys"] = {"app": {"tenant": "app"}, "ci": {"tenant": "ci"}}
        values["cache"]["retain_on_destroy"] = True
        values |= _address(answers)
    else:
        values["verification"] = {"drills": True}
    return values


def _address(answers: Answers) -> dict[str, Any]:
    if answers.zone is None:
        return {"workers_dev": True}
    return {"custom_domain": {"hostname": answers.hostname or f"ai.{answers.zone}", "zone": answers.zone}}


def _check(values: dict[str, Any], stack: str) -> None:
    """Judge the values as a deployment would, once the secrets and the account are set."""
    account = {"account_id": "0" * 32} if values["account_id"] == PLACEHOLDER else {}
    keys = {name: f"sk-edge-{index:043d}" for index, name in enumerate(values["auth"]["keys"])}
    secrets = {"client_keys": keys, "drill_secret": "0" * 64, "usage_token": "0" * 40}
    from_values({**values, **account, **secrets}, source=f"Pulumi.{stack}.yaml")
