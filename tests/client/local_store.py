"""What a device keeps: synchronised objects and the queue of their changes, client-protocol.md §20.1."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterable

from tests.client.datawallet import DELETE, Modification, creations, updates
from tests.client.encoding import JsonObject
from tests.client.errors import ProtocolError


class LocalStore:
    """Objects by collection and id, in the form in which they travel through the datawallet.

    Own changes are queued as modifications until they are pushed; pulled modifications are merged in.
    """

    def __init__(self) -> None:
        self._objects: defaultdict[str, dict[str, JsonObject]] = defaultdict(dict)
        self.queue: list[Modification] = []

    def find(self, collection: str, object_id: str) -> JsonObject | None:
        """A copy of the object, or ``None``."""
        return copy.deepcopy(self._objects[collection].get(object_id))

    def get(self, collection: str, object_id: str) -> JsonObject:
        """A copy of the object; raises ``error.transport.recordNotFound``."""
        value = self.find(collection, object_id)
        if value is None:
            raise ProtocolError("error.transport.recordNotFound", f"{object_id} in {collection}")
        return value

    def all(self, collection: str) -> list[JsonObject]:
        """Copies of all objects of a collection, in the order in which they came."""
        return copy.deepcopy(list(self._objects[collection].values()))

    def create(self, collection: str, value: JsonObject) -> None:
        """Keep a new object and queue it; an id that exists already is refused."""
        if value["id"] in self._objects[collection]:
            raise ProtocolError("error.client.objectExists", f"{value['id']} in {collection}")
        self._objects[collection][value["id"]] = copy.deepcopy(value)
        self.queue.extend(creations(collection, copy.deepcopy(value)))

    def update(self, collection: str, value: JsonObject) -> None:
        """Replace an object and queue the categories that changed."""
        old = self.get(collection, value["id"])
        self._objects[collection][value["id"]] = copy.deepcopy(value)
        self.queue.extend(updates(collection, old, copy.deepcopy(value)))

    def delete(self, collection: str, object_id: str) -> None:
        """Forget an object and queue its deletion."""
        self.get(collection, object_id)
        del self._objects[collection][object_id]
        self.queue.append(Modification(collection, object_id, DELETE))

    def apply(self, modifications: Iterable[Modification]) -> None:
        """Merge pulled modifications in index order; a member that vanished stays (§20.1)."""
        for item in modifications:
            objects = self._objects[item.collection]
            if item.type == DELETE:
                objects.pop(item.object_identifier, None)
            else:
                merged = objects.setdefault(item.object_identifier, {"id": item.object_identifier})
                merged.update(copy.deepcopy(item.payload or {}))
