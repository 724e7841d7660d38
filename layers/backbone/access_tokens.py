"""Access tokens: JWTs signed with EdDSA.  Contract: devices.md, section 2.4; decision: docs/decisions/access-tokens.md.

Every function verifies tokens itself with the public keys alone; only the token function may read the private ones.
Both sets are JSON Web Key Sets in SSM parameters, the newest key first.  Rotation adds a key: verifiers find it by its
`kid` as soon as they meet it, and tokens signed with an older one stay valid until they expire.  The public set is also
handed to functions at their deployment, so that none has to ask SSM before it meets a newer key.
"""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any

import jwt

from backbone import clock, parameters
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.ids import DeviceId
from backbone.parameters import Remembered, Unavailable
from backbone.settings import settings

ALGORITHM = "EdDSA"
TOKEN_TYPE = "at+jwt"
PUBLIC = "public"
PRIVATE = "private"
_KEYS_MAX_AGE_SECONDS = 300
_UNKNOWN_KEY_PAUSE_SECONDS = 30
_REQUIRED_CLAIMS = ["exp", "iat", "iss", "sub", "nmshd_address", "device_id", "client_id"]


class Unauthorized(Exception):
    """No valid token; `problem` is None when none was sent (http-common.md, section 5.1)."""

    def __init__(self, problem: str | None) -> None:
        super().__init__(problem)
        self.problem = problem


def caller_of(authorization: str | None) -> Caller:
    """The caller named by an `Authorization` header.

    Raises `Unauthorized` for a missing, malformed, forged or expired token, `Unavailable` when the keys cannot be read.
    """
    scheme, _, token = (authorization or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized(None)
    try:
        claims = _verify(token.strip())
        return Caller(
            address=Address.parse(claims["nmshd_address"]),
            device_id=DeviceId.parse(claims["device_id"]),
            client_id=str(claims["client_id"]),
        )
    except jwt.ExpiredSignatureError:
        raise Unauthorized("The token is expired.") from None
    except Unavailable:
        raise
    except Exception:
        # Whatever is wrong with a token, its bearer is a stranger.
        raise Unauthorized("The token is not valid.") from None


def _verify(token: str) -> dict[str, Any]:
    header = jwt.get_unverified_header(token)
    if header.get("typ") != TOKEN_TYPE:
        raise jwt.InvalidTokenError("not an access token")
    claims: dict[str, Any] = jwt.decode(
        token,
        _public_key(str(header.get("kid"))),
        algorithms=[ALGORITHM],
        issuer=settings().token_issuer,
        options={"require": _REQUIRED_CLAIMS, "verify_aud": False},
    )
    return claims


def issue(caller: Caller, *, user_id: str, username: str, now: datetime) -> str:
    """A signed token for a device, valid for the configured lifetime from `now`."""
    key = _signing_key(now)
    claims = {
        "iss": settings().token_issuer,
        "iat": clock.epoch_seconds(now),
        "exp": clock.epoch_seconds(now + timedelta(seconds=settings().token_lifetime_seconds)),
        "jti": str(uuid.uuid4()),
        "sub": user_id,
        "name": username,
        "nmshd_address": caller.address,
        "device_id": caller.device_id,
        "client_id": caller.client_id,
    }
    return jwt.encode(claims, key.jwk.key, algorithm=ALGORITHM, headers={"typ": TOKEN_TYPE, "kid": key.jwk.key_id})


@dataclass(frozen=True, slots=True)
class _Key:
    """A key and when it was made (epoch seconds)."""

    jwk: jwt.PyJWK
    made_at: int


def _load(kind: str) -> list[_Key]:
    return _parsed(parameters.read(f"{settings().token_keys}/{kind}", decrypt=kind == PRIVATE))


def _parsed(key_set: str) -> list[_Key]:
    return [_Key(jwt.PyJWK(key, algorithm=ALGORITHM), int(key["iat"])) for key in json.loads(key_set)["keys"]]


_private = Remembered(partial(_load, PRIVATE), max_age_seconds=_KEYS_MAX_AGE_SECONDS)
_public = Remembered(partial(_load, PUBLIC), max_age_seconds=_KEYS_MAX_AGE_SECONDS)


@lru_cache(maxsize=1)
def _deployed() -> list[_Key]:
    """The public keys that there were when the function was deployed; none where nobody says."""
    return _parsed(settings().public_token_keys or '{"keys":[]}')


def keep_keys(*, private: str, public: str) -> None:
    """Use these sets for good (benchmarks, which have no parameters)."""
    _private.keep(_parsed(private))
    _public.keep(_parsed(public))


def forget_keys() -> None:
    """Drop the cached keys (tests, and nothing else, change keys under a running process)."""
    _private.forget()
    _public.forget()
    _deployed.cache_clear()


def _signing_key(now: datetime) -> _Key:
    # A new key signs only once every verifier has had the chance to meet it.
    known_to_all = clock.epoch_seconds(now) - 2 * _UNKNOWN_KEY_PAUSE_SECONDS
    keys = _private.get()
    return next((key for key in keys if key.made_at <= known_to_all), keys[-1])


def _public_key(key_id: str) -> Any:
    for keys in _public_sets():
        for key in keys:
            if key.jwk.key_id == key_id:
                return key.jwk.key
    if _public.is_outdated:
        raise Unavailable  # it may be a new one
    raise jwt.InvalidTokenError("unknown key")


def _public_sets() -> Iterator[list[_Key]]:
    """Where a key may be, in the order in which to look.

    A key added since the last look is found at once; strangers' key ids cost one look per pause, not per request.
    """
    yield _deployed() or _public.get()
    yield _public.get(max_age_seconds=_UNKNOWN_KEY_PAUSE_SECONDS)
