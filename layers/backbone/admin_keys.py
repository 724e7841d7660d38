"""Keys of the Admin API.  Contract: admin-api.md, section 2.1; decision: docs/decisions/admin-api.md.

There may be several keys at once; what is kept of each is a salted hash, in one SSM parameter.  Keys are random enough
that a fast hash protects them.  Every function that serves the Admin API reads the parameter again after half a minute:
so long a new key stays unknown and a deleted one useful.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import ClientError

from backbone import clock, parameters
from backbone.parameters import Remembered
from backbone.settings import settings

KEYS_MAX_AGE_SECONDS = 30


class InvalidApiKey(Exception):
    """No key was sent, or not one of ours."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key: anything but the key itself."""

    id: str
    name: str
    salt: str
    hash: str
    created_at: datetime

    def opens_for(self, text: str) -> bool:
        """Whether this is the key."""
        return hmac.compare_digest(_hash(text, self.salt), self.hash)


def seal(text: str, *, name: str, now: datetime) -> ApiKey:
    """What to keep of a new key."""
    salt = secrets.token_hex(16)
    return ApiKey(secrets.token_hex(4), name, salt, _hash(text, salt), now)


def dump(keys: Iterable[ApiKey]) -> str:
    """The value of the parameter."""
    return json.dumps(
        [
            {
                "id": key.id,
                "name": key.name,
                "salt": key.salt,
                "hash": key.hash,
                "createdAt": clock.render(key.created_at),
            }
            for key in keys
        ],
        ensure_ascii=False,
    )


def load(text: str) -> tuple[ApiKey, ...]:
    """The keys in the value of the parameter."""
    return tuple(
        ApiKey(item["id"], item["name"], item["salt"], item["hash"], clock.parse(item["createdAt"]))
        for item in json.loads(text)
    )


def find(sent: str | None) -> ApiKey:
    """The key that was sent.  Raises `InvalidApiKey`, and `Unavailable` when the keys cannot be read.

    Takes as long for a wrong key as for a right one, and asks no one but the parameter.
    """
    found = None
    for key in _known_keys.get():
        if key.opens_for(sent or ""):
            found = key
    if found is None or not sent:
        raise InvalidApiKey
    return found


def forget_keys() -> None:
    """Drop the cached keys (tests, and nothing else, cannot wait half a minute)."""
    _known_keys.forget()


def _read() -> tuple[ApiKey, ...]:
    try:
        return load(parameters.read(settings().admin_keys))
    except ClientError as error:
        if error.response["Error"]["Code"] == "ParameterNotFound":
            return ()  # nobody has made one yet
        raise


_known_keys = Remembered(lambda: _read(), max_age_seconds=KEYS_MAX_AGE_SECONDS)


def _hash(text: str, salt: str) -> str:
    return hashlib.sha256(f"{salt}{text}".encode()).hexdigest()
