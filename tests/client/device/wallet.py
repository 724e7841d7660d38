"""Pushing and pulling the datawallet, client-protocol.md §20.2–§20.3."""

from __future__ import annotations

from collections.abc import Sequence

from tests.client.crypto import SecretKey
from tests.client.datawallet import DATAWALLET_VERSION, Modification, encrypt_all
from tests.client.encoding import JsonObject
from tests.client.errors import ProtocolError
from tests.client.http import BackboneApi
from tests.client.local_store import LocalStore


class Wallet:
    """The datawallet seen from one device; ``local_index`` is the last modification it knows."""

    def __init__(self, api: BackboneApi, master_key: SecretKey, store: LocalStore) -> None:
        self._api = api
        self._master_key = master_key
        self._store = store
        self.local_index: int | None = None

    def create(self) -> None:
        """The first version upgrade, which creates the datawallet, with what is queued (§9.6)."""
        run = self._api.post("/SyncRuns", {"type": "DatawalletVersionUpgrade"})["syncRun"]
        modifications = self.encrypted_queue()
        self._api.put(
            f"/SyncRuns/{run['id']}/FinalizeDatawalletVersionUpgrade",
            {"newDatawalletVersion": DATAWALLET_VERSION, "datawalletModifications": modifications},
        )
        self.queue_was_sent(modifications)

    def sync(self) -> list[Modification]:
        """Version check, pull, push (§20.3)."""
        if self._api.get("/Datawallet")["version"] > DATAWALLET_VERSION:
            raise ProtocolError("error.transport.datawallet.insufficientSupportedDatawalletVersion")
        pulled = self.pull()
        self.push()
        return pulled

    def pull(self) -> list[Modification]:
        """Read, decrypt and apply everything after ``local_index`` (§20.2)."""
        query = None if self.local_index is None else {"localIndex": self.local_index}
        items = list(self._api.items("/Datawallet/Modifications", query))
        modifications = [Modification.decrypt(item, self._master_key) for item in items]
        self._store.apply(modifications)
        if items:
            self.local_index = max(item["index"] for item in items)
        return modifications

    def push(self, modifications: Sequence[Modification] | None = None) -> None:
        """Send modifications, by default the queue of local changes (§20.2).

        Given modifications are applied locally once the Backbone has taken them. If the Backbone gave them other
        indexes than predicted no device could decrypt them, so that is an error.
        """
        items = list(self._store.queue if modifications is None else modifications)
        if not items:
            return
        first = self._next_index
        encrypted = encrypt_all(items, first, self._master_key)
        known: JsonObject = {} if self.local_index is None else {"localIndex": self.local_index}
        answer = self._api.post("/Datawallet/Modifications", {**known, "modifications": encrypted})
        indexes = [item["index"] for item in answer["modifications"]]
        if indexes != list(range(first, first + len(items))) or answer["newIndex"] != indexes[-1]:
            raise ProtocolError("error.client.unexpectedIndexes", f"{indexes}, new {answer['newIndex']}, not {first}…")
        if modifications is None:
            self.queue_was_sent(encrypted)
        else:
            self._store.apply(items)
            self.local_index = first + len(items) - 1

    def encrypted_queue(self) -> list[JsonObject]:
        """The queue for one of the finalize calls, encrypted for the next indexes (§20.4.5)."""
        return encrypt_all(self._store.queue, self._next_index, self._master_key)

    def queue_was_sent(self, sent: Sequence[JsonObject]) -> None:
        """Count the index up by the number sent, whatever the answer says (§20.4.5)."""
        del self._store.queue[: len(sent)]
        if sent:
            self.local_index = self._next_index + len(sent) - 1

    @property
    def _next_index(self) -> int:
        return 0 if self.local_index is None else self.local_index + 1
