"""Rules of what is counted over time: limits, which refuse, and budgets, which tell somebody."""

from __future__ import annotations

import base64
import binascii

from edgewright.config.models import StackConfig
from edgewright.config.prices import price_of
from edgewright.config.sections import Budget, LimitRule
from edgewright.config.wording import Findings, one_of

MOST_DOLLARS = 1_000_000
"""Counted in billionths by the Worker, whose whole numbers end at 2^53."""


def limits(config: StackConfig) -> Findings:
    """Findings of ``limits.rules``."""
    yield from _distinct("limits.rules", "rule", [rule.name for rule in config.limits.rules])
    for index, rule in enumerate(config.limits.rules):
        where = f"limits.rules[{index}]"
        yield from _whole(f"{where}.at_most", rule.of, rule.at_most)
        if rule.of != "requests" and config.limits.max_output_tokens is None:
            yield (
                f"{where}.of: {rule.of!r} needs limits.max_output_tokens, so that what a request may use at most is "
                "known before a model is asked. Fix: set it, to 4096 for example."
            )
        yield from _subjects(config, where, rule)
        yield from _priced(config, where, rule, "limits money")


def alerts(config: StackConfig) -> Findings:
    """Findings of ``alerts``."""
    for index, secret in enumerate(config.alert_secrets):
        yield from _webhook_secret(f"alert_secrets[{index}]", secret.get_secret_value())
    if not config.alerts.budgets:
        return
    if config.alerts.url is None:
        yield "alerts.budgets: nobody would be told. Fix: set alerts.url to the address of a webhook."
    if not config.usage.enabled:
        yield "alerts.budgets: add up what usage counts, and usage.enabled is false. Fix: turn usage on."
    if not config.alert_secrets:
        yield (
            "alerts.budgets: messages need a secret that they are signed with. Fix: pulumi config set --secret --path "
            "'edgewright:alert_secrets[0]' \"whsec_$(openssl rand -base64 32)\"."
        )
    yield from _distinct("alerts.budgets", "budget", [budget.name for budget in config.alerts.budgets])
    for index, budget in enumerate(config.alerts.budgets):
        where = f"alerts.budgets[{index}]"
        for place, threshold in enumerate(budget.thresholds):
            yield from _whole(f"{where}.thresholds[{place}]", budget.of, threshold)
        yield from _subjects(config, where, budget)
        yield from _priced(config, where, budget, "counts money")


def _distinct(where: str, what: str, names: list[str]) -> Findings:
    for index, name in enumerate(names):
        if name in names[:index]:
            yield f"{where}[{index}].name: {name!r} is already the name of another {what}. Fix: give it another name."


def _whole(where: str, unit: str, amount: float) -> Findings:
    if unit != "usd" and amount != int(amount):
        yield f"{where}: {amount} is no whole number of {unit}. Fix: write a whole number."
    if unit == "usd" and amount > MOST_DOLLARS:
        yield f"{where}: {amount:.0f} dollars are too many to count. Fix: at most {MOST_DOLLARS}."


def _subjects(config: StackConfig, where: str, counted: LimitRule | Budget) -> Findings:
    for name in counted.keys or []:
        if name not in config.auth.keys:
            yield f"{where}.keys: {name!r} is not in auth.keys. Fix: {one_of(config.auth.keys)}."
    for name in counted.models or []:
        if name not in config.models:
            yield f"{where}.models: {name!r} is not in models. Fix: {one_of(config.models)}."


def _priced(config: StackConfig, where: str, counted: LimitRule | Budget, why: str) -> Findings:
    for name, model in config.models.items():
        if counted.of != "usd" or name not in (counted.models or [name]):
            continue
        for place, target in enumerate(model.targets):
            if target.upstream in config.upstreams and price_of(config, target) is None:
                yield (
                    f"models.{name}.targets[{place}].price: is missing, and {where} {why}. "
                    "Fix: write price: {input: 0.1, output: 0.4}, in US dollars for a million tokens."
                )


def _webhook_secret(where: str, secret: str) -> Findings:
    """Standard Webhooks 1.0.0: ``whsec_`` and the base64 of 24 to 64 bytes."""
    try:
        size = len(base64.b64decode(secret.removeprefix("whsec_"), validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if not secret.startswith("whsec_") or not 24 <= size <= 64:
        yield f'{where}: not whsec_ and the base64 of 24 to 64 bytes. Fix: echo "whsec_$(openssl rand -base64 32)".'
