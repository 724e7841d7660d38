"""The datawallet: how the devices of an identity share their objects (§20.1–§20.3)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from enmeshed.errors import BackboneError, NotFoundError, PreconditionError, ProtocolError
from enmeshed.http import Connection, Query
from enmeshed.objects import Objects
from enmeshed.patience import transient_tries, while_busy
from enmeshed.protocol.crypto import SecretKey
from enmeshed.protocol.datawallet import DATAWALLET_VERSION, Modification, encrypt_all
from enmeshed.protocol.encoding import JsonObject
from enmeshed.storage import Storage
from enmeshed.vault import STATE

PUSH_ATTEMPTS = 5
PAGE_SIZE = 200
TOO_NEW = "error.transport.datawallet.insufficientSupportedDatawalletVersion"
_CODES = "error.platform.validation.datawallet."
NOT_UP_TO_DATE = f"{_CODES}datawalletNotUpToDate"
BLOCKED_BY_SYNC_RUN = f"{_CODES}cannotPushDatawalletModificationsDuringActiveSyncRun"
RUN_IS_RUNNING = "error.platform.validation.syncRun.cannotStartSyncRunWhenAnotherSyncRunIsRunning"
INVALID_PAGE_SIZE = "error.platform.validation.pagination.invalidPageSize"
_INDEX, _SENT = "localIndex", "sent"


class Datawallet:
    """The datawallet seen from one device; ``local_index`` is the last modification it knows.

    What is sent is remembered before, with its ciphertexts, until an answer comes. If none does (the process is killed,
    the network fails), the next pull shows whether it arrived: then it is not sent again.
    """

    def __init__(
        self,
        connection: Connection,
        master_key: SecretKey,
        storage: Storage,
        objects: Objects,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection = connection
        self._master_key = master_key
        self._storage = storage
        self._objects = objects
        self._sleep = sleep

    @property
    def local_index(self) -> int | None:
        """Index of the last modification that is known here, ``None`` before the first."""
        state = self._storage.find(STATE, _INDEX)
        return None if state is None else state["index"]

    @property
    def _next_index(self) -> int:
        known = self.local_index
        return 0 if known is None else known + 1

    # ------------------------------------------------------------------ synchronising
    def sync(self) -> list[Modification]:
        """Compare versions, pull, push (§20.3). Returns what was pulled.

        Calls: ``GET Datawallet``, ``GET Datawallet/Modifications`` per page, ``POST Datawallet/Modifications`` if
        something waits. Raises :class:`PreconditionError` ``…insufficientSupportedDatawalletVersion`` if the datawallet
        is newer than this library.
        """
        with self._storage.exclusive():
            version = self._version()
            if version > DATAWALLET_VERSION:
                raise PreconditionError(
                    "error.transport.datawallet.insufficientSupportedDatawalletVersion", str(version)
                )
            pulled = self.pull()
            for step in range(version + 1, DATAWALLET_VERSION + 1):
                self._upgrade(step)
            return pulled + self.push()

    def _version(self) -> int:
        try:
            version: int = self._connection.get("/Datawallet")["version"]
        except NotFoundError:
            return 0
        return version

    def _upgrade(self, version: int) -> None:
        """Raise the datawallet's version; from 0 that creates it, with what is queued (§9.6)."""
        start = lambda: self._connection.post("/SyncRuns", {"type": "DatawalletVersionUpgrade"})  # noqa: E731
        run = while_busy(start, [RUN_IS_RUNNING], sleep=self._sleep)["syncRun"]
        path = f"/SyncRuns/{run['id']}/FinalizeDatawalletVersionUpgrade"
        self._connection.put(path, {"newDatawalletVersion": version, "datawalletModifications": self.outgoing()})
        self.was_sent()

    # ------------------------------------------------------------------ pulling
    def pull(self) -> list[Modification]:
        """Read, decrypt and apply everything after ``local_index``, page by page; returns it (§20.2).

        Each page is kept with its index: interrupted, it goes on where it stopped.
        """
        pulled: list[Modification] = []
        with self._storage.exclusive():
            while items := self._page():
                modifications = [Modification.decrypt(item, self._master_key) for item in items]
                with self._storage.transaction():
                    self._settle_sent(items)
                    self._objects.apply(modifications)
                    self._set_index(max(item["index"] for item in items))
                pulled += modifications
                if len(items) < self._page_size:
                    break
        return pulled

    _page_size = PAGE_SIZE

    def _page(self) -> list[JsonObject]:
        known = self.local_index
        query: Query = {} if known is None else {"localIndex": known}
        try:
            return self._first_page({**query, "pageSize": self._page_size})
        except BackboneError as error:
            if error.code != INVALID_PAGE_SIZE:
                raise
        self._page_size = 1  # then a page is never taken for the last one
        return self._first_page(query)

    def _first_page(self, query: Query) -> list[JsonObject]:
        ask = lambda: self._connection.get("/Datawallet/Modifications", query)  # noqa: E731
        result: list[JsonObject] = transient_tries(ask, sleep=self._sleep)
        return result

    # ------------------------------------------------------------------ pushing
    def push(self) -> list[Modification]:
        """Send the queue of local changes; returns what had to be pulled before because others were faster (§20.2).

        Waits while another device's sync run blocks pushes. If the Backbone gave modifications other indexes than
        predicted, no device could decrypt them, so that raises :class:`ProtocolError`.
        """
        pulled: list[Modification] = []
        with self._storage.exclusive():
            for last in [False] * (PUSH_ATTEMPTS - 1) + [True]:
                try:
                    while while_busy(self._push_once, [BLOCKED_BY_SYNC_RUN], sleep=self._sleep):
                        pass
                    break
                except BackboneError as error:
                    if error.code != NOT_UP_TO_DATE or last:
                        raise
                pulled += self.pull()
        return pulled

    def push_now(self, modifications: Sequence[Modification]) -> None:
        """Apply modifications of upper layers here and push them with everything else that waits."""
        self._objects.enqueue(modifications)
        self.push()

    def _push_once(self) -> bool:
        """Whether something was sent."""
        items = self.outgoing()
        if not items:
            return False
        known = self.local_index
        position: JsonObject = {} if known is None else {"localIndex": known}
        first = self._next_index
        answer = self._connection.post("/Datawallet/Modifications", {**position, "modifications": items})
        indexes = [item["index"] for item in answer["modifications"]]
        if indexes != list(range(first, first + len(items))) or answer["newIndex"] != indexes[-1]:
            raise ProtocolError("error.client.unexpectedIndexes", f"{indexes}, new {answer['newIndex']}, not {first}…")
        self.was_sent()
        return True

    # ------------------------------------------------------------------ what is on its way
    def outgoing(self) -> list[JsonObject]:
        """The queue, encrypted for the next indexes, remembered as being on its way.

        What was on its way for the same indexes already goes again with the same ciphertexts, so that it does not
        matter which of the two requests arrives.
        """
        first = self._next_index
        with self._storage.transaction():
            sent = self._storage.find(STATE, _SENT)
            if sent is not None and sent["first"] == first and sent["items"]:
                known: list[JsonObject] = sent["items"]
                return known
            queue = self._objects.queue()
            items = encrypt_all([item for _, item in queue], first, self._master_key)
            record = {"first": first, "names": [name for name, _ in queue], "items": items}
            self._storage.put(STATE, _SENT, record)
            return items

    def was_sent(self) -> None:
        """The Backbone has what :meth:`outgoing` returned last: count the index up by its number (§20.4.5)."""
        with self._storage.transaction():
            sent = self._storage.find(STATE, _SENT)
            if sent is not None:
                self._arrived(sent)
                if sent["items"]:
                    self._set_index(sent["first"] + len(sent["items"]) - 1)

    def _settle_sent(self, items: Iterable[JsonObject]) -> None:
        """Find out from pulled modifications whether what was on its way has arrived."""
        sent = self._storage.find(STATE, _SENT)
        if sent is None:
            return
        for item in items:
            position = item["index"] - sent["first"]
            if 0 <= position < len(sent["items"]) and _is_same(item, sent["items"][position]):
                self._arrived(sent)
                return
        self._storage.delete(STATE, _SENT)

    def _arrived(self, sent: JsonObject) -> None:
        self._objects.dequeue(sent["names"])
        self._storage.delete(STATE, _SENT)

    def _set_index(self, index: int) -> None:
        known = self.local_index
        if known is None or index > known:
            self._storage.put(STATE, _INDEX, {"index": index})


def _is_same(received: JsonObject, sent: JsonObject) -> bool:
    names = ("objectIdentifier", "collection", "type", "encryptedPayload")
    return all(received.get(name) == sent.get(name) for name in names)
