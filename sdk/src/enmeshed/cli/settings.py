"""Where the command keeps accounts, and which Backbone they belong to."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs

from enmeshed.errors import StorageError
from enmeshed.session import load_keys
from enmeshed.storage import SqliteStorage

NOT_INITIALIZED = "error.client.noAccount"


@dataclass(frozen=True)
class Settings:
    """The Backbone of an account."""

    backbone: str
    client_id: str
    client_secret: str


@dataclass(frozen=True)
class Home:
    """The folder of an account: ``settings.json`` and ``account.sqlite``, readable for its owner only."""

    folder: Path

    @classmethod
    def of(cls, folder: Path | None, account: str) -> Home:
        """The folder that was named, or the account's below the user's data folder."""
        return cls(folder or Path(platformdirs.user_data_dir("enmeshed")) / account)

    @property
    def storage(self) -> Path:
        return self.folder / "account.sqlite"

    @property
    def _settings(self) -> Path:
        return self.folder / "settings.json"

    def save(self, settings: Settings) -> None:
        """Remember the Backbone."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(self._settings, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(settings), file, indent=2)

    def load(self) -> Settings:
        """The Backbone; raises :class:`StorageError` if there is no account."""
        try:
            return Settings(**json.loads(self._settings.read_text("utf-8")))
        except (OSError, TypeError, ValueError) as error:
            message = f"there is no account in {self.folder}; make one: enmeshed init"
            raise StorageError(NOT_INITIALIZED, message) from error

    def has_account(self) -> bool:
        """Whether an account was made here."""
        if not self.storage.exists():
            return False
        storage = SqliteStorage(self.storage)
        try:
            return load_keys(storage) is not None
        finally:
            storage.close()
