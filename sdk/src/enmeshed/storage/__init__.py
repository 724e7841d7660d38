"""Where an account keeps its data.

:class:`Storage` is all that is asked of a storage: records in collections, found by id or by a label, and transactions.
:class:`SqliteStorage` keeps them in a file, :class:`MemoryStorage` in memory. Who wants another database implements the
methods of :class:`Storage`; ``tests/unit/sdk/test_storage.py`` says what they must do.
"""

from enmeshed.storage.interface import Record, Storage
from enmeshed.storage.memory import MemoryStorage
from enmeshed.storage.sqlite import SqliteStorage

__all__ = ["MemoryStorage", "Record", "SqliteStorage", "Storage"]
