"""Keys of the Admin API, as the operator manages them (`backbone admin-key`).  Decision: docs/decisions/admin-api.md.

Keys are in the SSM parameter that `BACKBONE_ADMIN_KEYS` names (the stack's output AdminKeys).  A change takes half a
minute to reach all functions.
"""

import secrets
from datetime import datetime

from backbone import admin_keys
from functions.admin.api_key_store import ApiKeyStore, Keys

MAX_KEYS = 10
"""A parameter takes 4 KB."""
MAX_NAME_LENGTH = 50
_KEY_BYTES = 32


class ApiKeyProblem(Exception):
    """Why a command does nothing."""


def new_key() -> str:
    """A key that nobody can guess."""
    return secrets.token_urlsafe(_KEY_BYTES)


def create(store: ApiKeyStore, name: str, *, now: datetime, key: str | None = None) -> str:
    """Add a key and return it; it cannot be shown again.

    `key` is for test environments only: a key that somebody has thought up can be guessed.  Raises `ApiKeyProblem`.
    """
    if not 1 <= len(name) <= MAX_NAME_LENGTH or not name.isprintable():
        raise ApiKeyProblem(f"a name has 1 to {MAX_NAME_LENGTH} printable characters")
    key = key or new_key()
    sealed = admin_keys.seal(key, name=name, now=now)

    def add(keys: Keys) -> Keys:
        if len(keys) >= MAX_KEYS:
            raise ApiKeyProblem(f"there are {MAX_KEYS} keys already; delete one first")
        return (*keys, sealed)

    store.change(add)
    return key


def list_keys(store: ApiKeyStore) -> Keys:
    """What is known of all keys, oldest first."""
    return store.all()


def delete(store: ApiKeyStore, key_id: str) -> None:
    """Remove a key.  Raises `ApiKeyProblem` if there is none of this id."""

    def remove(keys: Keys) -> Keys:
        kept = tuple(key for key in keys if key.id != key_id)
        if len(kept) == len(keys):
            raise ApiKeyProblem(f"there is no key '{key_id}'")
        return kept

    store.change(remove)
