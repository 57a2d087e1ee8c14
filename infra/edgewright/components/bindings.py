"""What the Worker is bound to: one typed record a kind, turned into the provider's arguments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import pulumi
import pulumi_cloudflare as cloudflare


class Binding(Protocol):
    """A named binding that knows the provider's arguments for itself."""

    @property
    def name(self) -> str:
        """Name in the Worker's ``env``."""
        ...

    def args(self) -> cloudflare.WorkerVersionBindingArgs:
        """The provider's arguments."""
        ...


@dataclass(frozen=True)
class WorkersAi:
    """Cloudflare Workers AI as ``env.AI``."""

    name: str = "AI"

    def args(self) -> cloudflare.WorkerVersionBindingArgs:
        """``{type: ai}``."""
        return cloudflare.WorkerVersionBindingArgs(name=self.name, type="ai")


@dataclass(frozen=True)
class KvNamespace:
    """A KV namespace by id."""

    name: str
    namespace_id: pulumi.Input[str]

    def args(self) -> cloudflare.WorkerVersionBindingArgs:
        """``{type: kv_namespace}``."""
        return cloudflare.WorkerVersionBindingArgs(name=self.name, type="kv_namespace", namespace_id=self.namespace_id)


@dataclass(frozen=True)
class DurableObjects:
    """The objects of a class that the Worker itself exports, by the class's name in capitals."""

    class_name: str

    @property
    def name(self) -> str:
        """Name in the Worker's ``env``."""
        return self.class_name.upper()

    def args(self) -> cloudflare.WorkerVersionBindingArgs:
        """``{type: durable_object_namespace}``."""
        return cloudflare.WorkerVersionBindingArgs(
            name=self.name, type="durable_object_namespace", class_name=self.class_name
        )


@dataclass(frozen=True)
class Dataset:
    """An Analytics Engine dataset, which its first data point makes."""

    name: str
    dataset: str

    def args(self) -> cloudflare.WorkerVersionBindingArgs:
        """``{type: analytics_engine}``."""
        return cloudflare.WorkerVersionBindingArgs(name=self.name, type="analytics_engine", dataset=self.dataset)


@dataclass(frozen=True)
class PlainText:
    """A value that anybody with access to the account may read."""

    name: str
    text: pulumi.Input[str]

    def args(self) -> cloudflare.WorkerVersionBindingArgs:
        """``{type: plain_text}``."""
        return cloudflare.WorkerVersionBindingArgs(name=self.name, type="plain_text", text=self.text)


@dataclass(frozen=True)
class VersionMetadata:
    """The id of the version that runs, which the Worker tells in its answers and data points."""

    name: str = "VERSION"

    def args(self) -> cloudflare.WorkerVersionBindingArgs:
        """``{type: version_metadata}``."""
        return cloudflare.WorkerVersionBindingArgs(name=self.name, type="version_metadata")


@dataclass(frozen=True)
class SecretText:
    """A value that the API never returns; marked secret, so that state holds it encrypted."""

    name: str
    text: str

    def args(self) -> cloudflare.WorkerVersionBindingArgs:
        """``{type: secret_text}``."""
        return cloudflare.WorkerVersionBindingArgs(
            name=self.name, type="secret_text", text=pulumi.Output.secret(self.text)
        )


def in_api_order(bindings: Iterable[Binding]) -> list[cloudflare.WorkerVersionBindingArgs]:
    """Arguments sorted bytewise by name.

    The API returns a version's bindings so; any other order makes the provider see a change for ever
    (cloudflare-api facts 4.6; terraform-provider-cloudflare #6285 and its relatives).
    """
    return [binding.args() for binding in sorted(bindings, key=lambda binding: binding.name.encode())]
