"""Which payload objects of an item came into use and which went out of it with a change."""

from typing import Any

from backbone.payloads import BLOB


def keys_of(image: dict[str, Any] | None) -> set[str]:
    """The S3 keys an item refers to."""
    return set((image or {}).get(BLOB, {}).values())


def taken_into_use(before: dict[str, Any] | None, after: dict[str, Any] | None) -> set[str]:
    """Objects that have an item now and had none before."""
    return keys_of(after) - keys_of(before)


def given_up(before: dict[str, Any] | None, after: dict[str, Any] | None) -> set[str]:
    """Objects whose item is gone or refers to another one now."""
    return keys_of(before) - keys_of(after)
