"""Signed statements: Ed25519 (RFC 8032) over a DSSE 1.0 envelope, as the tools of in-toto and Sigstore read it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgewright.errors import EvidenceError
from edgewright.keys import write_private

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_VARIABLE = "EDGEWRIGHT_EVIDENCE_KEY"
PAYLOAD_TYPE = "application/vnd.in-toto+json"


@dataclass(frozen=True)
class Signer:
    """A private key. Its public half, as PEM, is what a checker trusts."""

    _key: Ed25519PrivateKey

    @classmethod
    def of(cls, file: Path) -> Signer:
        """The key of ``EDGEWRIGHT_EVIDENCE_KEY`` (PKCS #8 as PEM), else that in ``file``, which is made if need be.

        Raises:
            EvidenceError: it is no such key.
        """
        _needed()
        given = os.environ.get(KEY_VARIABLE)
        if given:
            return cls(_private(given.encode(), KEY_VARIABLE))
        if not file.exists():
            write_private(file, _new())
        return cls(_private(file.read_bytes(), str(file)))

    @property
    def public(self) -> str:
        """The public key as PEM."""
        from cryptography.hazmat.primitives import serialization

        encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        return self._key.public_key().public_bytes(encoding, form).decode()

    def sign(self, statement: dict[str, Any]) -> dict[str, Any]:
        """The envelope of a statement."""
        payload = json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
        signature = self._key.sign(_signed_over(PAYLOAD_TYPE, payload))
        signed = {"keyid": key_id(self.public), "sig": base64.b64encode(signature).decode()}
        return {
            "payloadType": PAYLOAD_TYPE,
            "payload": base64.b64encode(payload).decode(),
            "signatures": [signed],
        }


def opened(envelope: Any, public: bytes) -> dict[str, Any] | None:
    """The statement of an envelope that the owner of ``public`` (PEM) signed, None if nobody of that key did.

    Raises:
        EvidenceError: it is no envelope, or ``public`` no key.
    """
    _needed()
    from cryptography.exceptions import InvalidSignature

    key = _public(public)
    try:
        kind, payload = envelope["payloadType"], base64.b64decode(envelope["payload"], validate=True)
        signatures = [base64.b64decode(each["sig"], validate=True) for each in envelope["signatures"]]
        signed = _signed_over(str(kind), payload)
    except (TypeError, KeyError, ValueError):  # also what is no Base64, and no text that can be written
        raise EvidenceError(
            "the evidence is no DSSE envelope.", fix="write it anew: edgewright verify --evidence"
        ) from None
    for signature in signatures:
        try:
            key.verify(signature, signed)
        except InvalidSignature:
            continue
        statement: dict[str, Any] = json.loads(payload)
        return statement
    return None


def key_id(public: str) -> str:
    """SHA-256 of the public key's DER, in hex."""
    body = "".join(line for line in public.splitlines() if not line.startswith("-----"))
    return hashlib.sha256(base64.b64decode(body)).hexdigest()


def _signed_over(kind: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: the lengths keep type and payload apart."""
    return b" ".join([b"DSSEv1", str(len(kind.encode())).encode(), kind.encode(), str(len(payload)).encode(), payload])


def _new() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    made = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.decode()


def _private(text: bytes, source: str) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(text, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise EvidenceError(
            f"{source}: holds no unencrypted Ed25519 key in PEM.", fix="make one: openssl genpkey -algorithm ed25519"
        )
    return key


def _public(text: bytes) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(text)
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise EvidenceError("the public key is no Ed25519 key in PEM.", fix="give the one that was written beside it")
    return key


def _needed() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise EvidenceError("cryptography is not installed.", fix='pip install "edgewright[verify]"') from None
