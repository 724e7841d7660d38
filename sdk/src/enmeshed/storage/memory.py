"""A storage in memory, for tests and for identities that need not last."""

from __future__ import annotations

import copy
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from enmeshed.storage.interface import Record

_Collections = defaultdict[str, dict[str, tuple[str | None, Record]]]


class MemoryStorage:
    """Implements :class:`enmeshed.storage.Storage` with dictionaries."""

    def __init__(self) -> None:
        self._collections: _Collections = defaultdict(dict)
        self._lock = threading.RLock()
        self._undo: list[tuple[str, str, tuple[str | None, Record] | None]] | None = None

    def find(self, collection: str, record_id: str) -> Record | None:
        with self._lock:
            entry = self._collections[collection].get(record_id)
            return None if entry is None else copy.deepcopy(entry[1])

    def all(self, collection: str, label: str | None = None) -> list[Record]:
        with self._lock:
            entries = self._collections[collection].values()
            return [copy.deepcopy(record) for own, record in entries if label is None or own == label]

    def put(self, collection: str, record_id: str, record: Record, label: str | None = None) -> None:
        with self._lock:
            self._remember(collection, record_id)
            self._collections[collection][record_id] = (label, copy.deepcopy(record))

    def delete(self, collection: str, record_id: str) -> None:
        with self._lock:
            self._remember(collection, record_id)
            self._collections[collection].pop(record_id, None)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock:
            if self._undo is not None:
                yield
                return
            self._undo = []
            before = {name: list(records) for name, records in self._collections.items()}
            try:
                yield
            except BaseException:
                self._roll_back(before)
                raise
            finally:
                self._undo = None

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        with self._lock:
            yield

    def close(self) -> None:
        """Nothing to do."""

    def _remember(self, collection: str, record_id: str) -> None:
        if self._undo is not None:
            self._undo.append((collection, record_id, self._collections[collection].get(record_id)))

    def _roll_back(self, order: dict[str, list[str]]) -> None:
        for collection, record_id, entry in reversed(self._undo or []):
            if entry is None:
                self._collections[collection].pop(record_id, None)
            else:
                self._collections[collection][record_id] = entry
        for collection, ids in order.items():
            records = self._collections[collection]
            self._collections[collection] = {record_id: records[record_id] for record_id in ids}
