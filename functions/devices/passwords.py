"""Passwords of devices and secrets of clients: what is acceptable, how they are kept, how they are compared.

Kept is an Argon2id hash in its string form, which carries its own parameters; so the constants below may change without
touching what is stored.  The policy is the contract's (devices.md, section 1).
"""

import base64
import hashlib
import hmac
import re
import secrets
from datetime import timedelta
from typing import Literal

from nacl.exceptions import InvalidkeyError
from nacl.pwhash import argon2id

Policy = Literal["strict", "relaxed"]

# The least of OWASP's recommended parameters (t = 5, m = 7 MiB, p = 1): about 6.5 ms of CPU, which every token request
# pays.  Passwords of devices are 45 random characters, so the hash need not make up for weak ones.
PASSES = 5
MEMORY_BYTES = 7 * 1024 * 1024

STRICT_LENGTH = 10
STRICT_CLASSES = (re.compile("[A-Z]"), re.compile("[a-z]"), re.compile("[0-9]"), re.compile("[^A-Za-z0-9]"))
LOCKOUT: dict[Policy, timedelta] = {"strict": timedelta(minutes=10), "relaxed": timedelta(minutes=1)}
"""How long a device may not log in after too many wrong passwords."""


def is_acceptable(password: str, policy: Policy) -> bool:
    """Whether a device may have this password."""
    if policy == "relaxed":
        return len(password) >= 1
    return len(password) >= STRICT_LENGTH and all(needed.search(password) for needed in STRICT_CLASSES)


def hash_secret(secret: str) -> str:
    """What to keep instead of `secret`."""
    return argon2id.str(secret.encode(), PASSES, MEMORY_BYTES).decode("ascii")


def _nobodys_hash() -> str:
    def random_base64(size: int) -> str:
        return base64.b64encode(secrets.token_bytes(size)).rstrip(b"=").decode("ascii")

    return f"$argon2id$v=19$m={MEMORY_BYTES // 1024},t={PASSES},p=1${random_base64(16)}${random_base64(32)}"


_NOBODYS_HASH = _nobodys_hash()


def matches(secret: str, secret_hash: str | None) -> bool:
    """Whether `secret` is what was hashed.  None matches nothing, and takes as long to find out."""
    try:
        return bool(argon2id.verify((secret_hash or _NOBODYS_HASH).encode("ascii"), secret.encode()))
    except InvalidkeyError:
        return False


class VerifiedSecrets:
    """Secrets this process has verified before, so that it need not pay for Argon2id again.

    Meant for the few secrets that come with every request (those of clients).  Kept is a hash under a key that dies
    with the process, per stored hash: a changed secret has another stored hash and is verified anew.
    """

    CAPACITY = 1_000

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._known: dict[str, bytes] = {}

    def matches(self, secret: str, secret_hash: str | None) -> bool:
        """Like `matches`, but fast from the second right answer on."""
        if secret_hash and self.knows(secret, secret_hash):
            return True
        if not matches(secret, secret_hash):
            return False
        if len(self._known) >= self.CAPACITY:
            self._known.clear()
        self._known[str(secret_hash)] = self._digest(secret)
        return True

    def knows(self, secret: str, secret_hash: str) -> bool:
        """Whether this process has verified just that before."""
        return hmac.compare_digest(self._known.get(secret_hash, b""), self._digest(secret))

    def _digest(self, secret: str) -> bytes:
        return hashlib.blake2b(secret.encode(), key=self._key).digest()
