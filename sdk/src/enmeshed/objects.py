"""What a device keeps and shares with the identity's other devices: objects and the queue of their changes (§20.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from enmeshed.errors import ProtocolError, RecordNotFoundError
from enmeshed.protocol import ids
from enmeshed.protocol.datawallet import CREATE, DELETE, Modification, creations, updates
from enmeshed.protocol.encoding import JsonObject
from enmeshed.storage import Storage

QUEUE = "_queue"

_Key = tuple[str, str]
_LABELS: dict[str, Callable[[JsonObject], str | None]] = {
    "Secrets": lambda value: value.get("name"),
    "Relationships": lambda value: (value.get("peer") or {}).get("address"),
    "Templates": lambda value: value.get("createdBy"),
    "Tokens": lambda value: value.get("createdBy"),
}


class Objects:
    """Objects by collection and id, in the form in which they travel through the datawallet.

    Own changes are queued as modifications until they are pushed, in the transaction that makes them; pulled
    modifications are merged in. Upper layers keep their collections (``Attributes``, ``Requests``, …) here, too.
    Makes no network calls.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def find(self, collection: str, object_id: str) -> JsonObject | None:
        """The object, or ``None``."""
        return self._storage.find(collection, object_id)

    def get(self, collection: str, object_id: str) -> JsonObject:
        """The object; raises :class:`RecordNotFoundError`."""
        value = self.find(collection, object_id)
        if value is None:
            raise RecordNotFoundError(f"{object_id} in {collection}")
        return value

    def all(self, collection: str, label: str | None = None) -> list[JsonObject]:
        """All objects of a collection, in the order in which they came.

        With a label: secrets of a name, relationships with a peer, templates and tokens of a creator.
        """
        return self._storage.all(collection, label)

    def create(self, collection: str, value: JsonObject) -> None:
        """Keep a new object and queue it; an id that exists already is refused."""
        with self._storage.transaction():
            if self.find(collection, value["id"]) is not None:
                raise ProtocolError("error.client.objectExists", f"{value['id']} in {collection}")
            self._put(collection, value)
            self._enqueue(creations(collection, value))

    def update(self, collection: str, value: JsonObject) -> None:
        """Replace an object and queue the categories that changed."""
        with self._storage.transaction():
            old = self.get(collection, value["id"])
            self._put(collection, value)
            self._enqueue(updates(collection, old, value))

    def delete(self, collection: str, object_id: str) -> None:
        """Forget an object and queue its deletion."""
        with self._storage.transaction():
            self.get(collection, object_id)
            self._storage.delete(collection, object_id)
            self._enqueue([Modification(collection, object_id, DELETE)])

    def _put(self, collection: str, value: JsonObject) -> None:
        label_of = _LABELS.get(collection)
        self._storage.put(collection, value["id"], value, label_of(value) if label_of else None)

    # ------------------------------------------------------------------ the queue
    def queue(self) -> list[tuple[str, Modification]]:
        """Own changes that were not pushed yet, with the names under which :meth:`dequeue` knows them."""
        return [(entry["id"], Modification.of(entry)) for entry in self._storage.all(QUEUE)]

    def enqueue(self, modifications: Sequence[Modification]) -> None:
        """Apply modifications here and queue them, as if the objects had been changed."""
        with self._storage.transaction():
            self._merge(modifications)
            self._enqueue(modifications)

    def dequeue(self, names: Iterable[str]) -> None:
        """Forget what was pushed."""
        with self._storage.transaction():
            for name in names:
                self._storage.delete(QUEUE, name)

    def _enqueue(self, modifications: Iterable[Modification]) -> None:
        for item in modifications:
            name = ids.modification_id()
            self._storage.put(QUEUE, name, {"id": name, **item.json()})

    # ------------------------------------------------------------------ other devices' changes
    def apply(self, modifications: Sequence[Modification]) -> None:
        """Merge pulled modifications in index order; a member that vanished stays (§20.1).

        Own changes that wait in the queue come later in the datawallet, so they are applied again on top. Two
        exceptions: what another device deleted stays deleted, and an object that another device created, too (both had
        the same external event), is the other device's, because that one may be in use already.
        """
        with self._storage.transaction():
            self._merge(modifications)
            deleted = {_key(item): item.type == DELETE for item in modifications}
            created = {_key(item) for item in modifications if item.type == CREATE}
            self._settle_queue(deleted, created)

    def _settle_queue(self, deleted: dict[_Key, bool], created: set[_Key]) -> None:
        again: list[Modification] = []
        for name, item in self.queue() if deleted else []:
            key = _key(item)
            superseded = item.type == CREATE and key in created
            if superseded or (item.type != DELETE and deleted.get(key, False)):
                self._storage.delete(QUEUE, name)
            elif key in deleted:
                again.append(item)
        self._merge(again)

    def _merge(self, modifications: Iterable[Modification]) -> None:
        changed: dict[_Key, JsonObject | None] = {}
        for item in modifications:
            key = _key(item)
            if item.type == DELETE:
                changed[key] = None
                continue
            value = changed[key] if key in changed else self.find(*key)
            changed[key] = {"id": item.object_identifier, **(value or {}), **(item.payload or {})}
        for (collection, object_id), value in changed.items():
            if value is None:
                self._storage.delete(collection, object_id)
            else:
                self._put(collection, value)


def _key(item: Modification) -> _Key:
    return item.collection, item.object_identifier
