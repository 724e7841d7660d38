"""What an account asks of a storage."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

Record = dict[str, Any]


class Storage(Protocol):
    """Records (JSON objects) in collections.

    Each record has an id, unique in its collection, and may have a label, by which several are found. Collections keep
    the order in which ids were first put. Every method outside of :meth:`transaction` is a transaction of its own.
    A storage may be used by several threads. What a method returns is a copy: changing it changes nothing.
    """

    def find(self, collection: str, record_id: str) -> Record | None:
        """The record with this id, or ``None``."""
        ...

    def all(self, collection: str, label: str | None = None) -> list[Record]:
        """All records of a collection, or those with this label, in the order in which they came."""
        ...

    def put(self, collection: str, record_id: str, record: Record, label: str | None = None) -> None:
        """Keep a record; one with the same id is replaced, label included, and keeps its place."""
        ...

    def delete(self, collection: str, record_id: str) -> None:
        """Forget a record; nothing happens if there is none."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """A block whose changes are kept together when it ends, or not at all if it raises or the process dies.

        Blocks may be nested; the outermost counts. Other threads wait.
        """
        ...

    def exclusive(self) -> AbstractContextManager[None]:
        """A block that other threads, and other processes with the same storage, wait for, without being a transaction.

        Blocks may be nested.
        """
        ...

    def close(self) -> None:
        """Give resources back; the storage cannot be used afterwards."""
        ...
