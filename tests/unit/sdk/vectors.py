"""Access to the recorded vectors, client-protocol.md §23."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from enmeshed.protocol.crypto import ExchangeKeyPair, SecretKey, SignatureKeyPair
from enmeshed.protocol.encoding import JsonObject

FOLDER = Path(__file__).parents[2] / "vectors"


@cache
def load(name: str) -> dict[str, Any]:
    """The content of ``tests/vectors/<name>.json``."""
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return content


def wire_requests(step: str, method: str, pattern: str) -> list[JsonObject]:
    """The recorded requests of a step, e.g. ``("03", "POST", "RelationshipTemplates$")``."""
    return [
        exchange["request"]
        for exchange in load("wire")["exchanges"]
        if exchange["step"].startswith(step)
        and exchange["request"]["method"] == method
        and re.search(pattern, exchange["request"]["pathAndQuery"])
    ]


def wire_body(step: str, method: str, pattern: str) -> JsonObject:
    """The body of the first recorded request of a step."""
    body: JsonObject = wire_requests(step, method, pattern)[0]["body"]
    return body


def wire_object(name: str) -> JsonObject:
    """A resulting object of the recording."""
    value: JsonObject = load("wire")["objects"][name]
    return value


class WireAccount:
    """An account of the recording (``A``, ``B`` or ``A2``) with its secrets."""

    def __init__(self, name: str) -> None:
        self.data: JsonObject = load("wire")["accounts"][name]
        self.address: str = self.data["address"]
        self.identity: JsonObject = {"address": self.address, "publicKey": self.data["identity"]["publicKey"]}
        self.device_id: str = self.data["device"]["id"]

    @property
    def identity_key(self) -> SignatureKeyPair:
        return SignatureKeyPair.parse_private(self.data["deviceSecrets"]["identity_signature"])

    @property
    def device_key(self) -> SignatureKeyPair:
        return SignatureKeyPair.parse_private(self.data["deviceSecrets"]["device_signature"])

    @property
    def master_key(self) -> SecretKey:
        return SecretKey.parse(self.data["deviceSecrets"]["identity_synchronization_master"])

    @property
    def secret_base_key(self) -> SecretKey:
        return SecretKey.parse(self.data["deviceSecrets"]["shared_basekey"])

    @property
    def device_base_key(self) -> SecretKey:
        return SecretKey.parse(self.data["deviceBaseKey"])


def template_key_pair() -> ExchangeKeyPair:
    """The exchange key pair of A's first template."""
    return ExchangeKeyPair.parse(load("wire")["relationshipSecrets"]["templateKeypairOfA"])
