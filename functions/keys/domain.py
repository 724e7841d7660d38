"""Key pairs that sign access tokens.  Decision: docs/decisions/access-tokens.md.

Two JSON Web Key Sets, newest key first: the private one for the token function alone, the public one for everybody.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from backbone import clock

KEPT_KEYS = 2
"""A rotation keeps the previous key, because tokens signed with it are still valid."""


PRIVATE_MEMBER = "d"
"""The member of a JSON Web Key that must not get out (RFC 8037)."""


@dataclass(frozen=True, slots=True)
class KeySets:
    """The private and the public set, as stored."""

    private: str
    public: str


def add_key(private: str | None, *, now: datetime) -> KeySets:
    """The sets with a fresh key in front; the oldest keys go.  `private` is the set so far, None at first."""
    fresh = Ed25519PrivateKey.generate()
    key = {**OKPAlgorithm.to_jwk(fresh, as_dict=True), "kid": secrets.token_hex(8), "iat": clock.epoch_seconds(now)}
    keys: list[dict[str, Any]] = [key, *(json.loads(private)["keys"] if private else [])][:KEPT_KEYS]
    public = [{name: value for name, value in known.items() if name != PRIVATE_MEMBER} for known in keys]
    return KeySets(private=json.dumps({"keys": keys}), public=json.dumps({"keys": public}))
