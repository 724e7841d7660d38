"""Ids and secrets that a client makes itself, client-protocol.md §4."""

import secrets
import string

ALPHANUMERICS = string.ascii_letters + string.digits

_UPPER = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_LOWER = "abcdefghijkmnpqrstuvwxyz"
_DIGITS = "123456789"
_SPECIAL = "!?-_.:,;#+"


def random_string(length: int, alphabet: str = ALPHANUMERICS) -> str:
    """Uniform over the alphabet (§4)."""
    return "".join(secrets.choice(alphabet) for _ in range(length))


def template_key_id() -> str:
    """Id of a template exchange key, also the name of its secret container (§4, §6)."""
    return "TRPRTK" + random_string(14)


def relationship_secret_id() -> str:
    """Name of the secret container of a relationship (§4, §6)."""
    return "TRPRSE" + random_string(14)


def secret_container_id() -> str:
    """Id of a secret container (§4, §6)."""
    return "TRPSEC" + random_string(14)


def device_password() -> str:
    """45–50 characters with at least one of each class, in random order (§4)."""
    length = 45 + secrets.randbelow(6)
    characters = [secrets.choice(kind) for kind in (_SPECIAL, _LOWER, _UPPER, _DIGITS)]
    characters += random_string(length - len(characters), _UPPER + _LOWER + _DIGITS + _SPECIAL)
    secrets.SystemRandom().shuffle(characters)
    return "".join(characters)


def modification_id() -> str:
    """Name of a modification that waits to be pushed (§4)."""
    return "TRPDWM" + random_string(14)
