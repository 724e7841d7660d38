"""A process that is killed at a chosen point: before any write to the storage, before or after any request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from enmeshed import Account, Backbone, DeviceSharedSecret, SqliteStorage
from enmeshed.session import load_keys
from enmeshed.storage import Record
from tests.unit.sdk.fake_backbone import BASE_URL, CLIENT_ID, CLIENT_SECRET, FakeBackbone


class Killed(BaseException):
    """Nothing of the process goes on; what was committed stays."""


class Countdown:
    """Kills at the n-th point; 0 means never. ``points`` counts them."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.points = 0
        self.is_over = False

    def stop(self) -> None:
        """Immortal from now on."""
        self.is_over = True

    def tick(self) -> None:
        if self.is_over:
            return
        self.points += 1
        if self.points == self.at:
            self.stop()
            raise Killed


class MortalStorage(SqliteStorage):
    """A storage in a file whose process may be killed before any write and any commit."""

    def __init__(self, path: Path, countdown: Countdown) -> None:
        self._countdown = Countdown()
        super().__init__(path)
        self._database.execute("PRAGMA synchronous = OFF")  # the machine does not die, and this is faster
        self._countdown = countdown

    def put(self, collection: str, record_id: str, record: Record, label: str | None = None) -> None:
        self._countdown.tick()
        super().put(collection, record_id, record, label)

    def delete(self, collection: str, record_id: str) -> None:
        self._countdown.tick()
        super().delete(collection, record_id)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with super().transaction():
            yield
            self._countdown.tick()


class MortalTransport(httpx.BaseTransport):
    """The way to a Backbone; the process may be killed before a request arrives and before its answer does."""

    def __init__(self, backbone: FakeBackbone, countdown: Countdown) -> None:
        self._backbone = backbone
        self._countdown = countdown

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._countdown.tick()
        request.read()
        answer = self._backbone.handle(request)
        self._countdown.tick()
        return answer


class Lives:
    """An account that is killed once and lives on from its file."""

    def __init__(self, backbone: FakeBackbone, path: Path, countdown: Countdown) -> None:
        self._backbone = backbone
        self._path = path
        self.countdown = countdown

    def onboard(self, secret: DeviceSharedSecret) -> None:
        """Become a device."""
        storage = MortalStorage(self._path, self.countdown)
        try:
            Account.onboard(storage, self._client(), secret, sleep=lambda _: self._backbone.expire_runs())
        finally:
            storage.close()

    def has_keys(self) -> bool:
        """Whether there is an account in the file."""
        storage = SqliteStorage(self._path)
        try:
            return load_keys(storage) is not None
        finally:
            storage.close()

    def _client(self) -> Backbone:
        transport = MortalTransport(self._backbone, self.countdown)
        return Backbone(BASE_URL, CLIENT_ID, CLIENT_SECRET, transport=transport)

    @contextmanager
    def account(self) -> Iterator[Account]:
        """The account, as a process of its own has it."""
        storage = MortalStorage(self._path, self.countdown)
        try:
            yield Account.open(storage, self._client(), create=True, sleep=lambda _: self._backbone.expire_runs())
        finally:
            storage.close()
