"""Key pairs that sign access tokens.  Decision: docs/decisions/access-tokens.md.

Two JSON Web Key Sets, newest key first: the private one for the token function alone, the public one for everybody.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from backbone import clock

KEPT_KEYS = 2
"""The least a rotation keeps: the previous key signs until all verifiers know the new one."""
SIGNS_AFTER_SECONDS = 60
"""A new key signs no earlier than this (`backbone.access_tokens`)."""

PRIVATE_MEMBER = "d"
"""The member of a JSON Web Key that must not get out (RFC 8037)."""


@dataclass(frozen=True, slots=True)
class KeySets:
    """The private and the public set, as stored."""

    private: str
    public: str


def add_key(private: str | None, *, now: datetime, tokens_valid_for: timedelta) -> KeySets:
    """The sets with a fresh key in front; keys go that no valid token can be signed with.

    `private` is the set so far, None at first.
    """
    fresh = Ed25519PrivateKey.generate()
    key = {**OKPAlgorithm.to_jwk(fresh, as_dict=True), "kid": secrets.token_hex(8), "iat": clock.epoch_seconds(now)}
    known: list[dict[str, Any]] = [key, *(json.loads(private)["keys"] if private else [])]
    replaced_before = clock.epoch_seconds(now - tokens_valid_for) - SIGNS_AFTER_SECONDS
    return _sets([each for place, each in enumerate(known) if _is_needed(place, known, replaced_before)])


def public_set(private: str) -> str:
    """The public set of a private one, for everybody."""
    keys = json.loads(private)["keys"]
    return _dump([{name: value for name, value in key.items() if name != PRIVATE_MEMBER} for key in keys])


def _is_needed(place: int, keys: list[dict[str, Any]], replaced_before: int) -> bool:
    """Whether there may be valid tokens of a key: until its successor has signed for as long as a token lives."""
    return place < KEPT_KEYS or keys[place - 1]["iat"] > replaced_before


def _sets(keys: list[dict[str, Any]]) -> KeySets:
    private = _dump(keys)
    return KeySets(private, public_set(private))


def _dump(keys: list[dict[str, Any]]) -> str:
    return json.dumps({"keys": keys}, separators=(",", ":"))
