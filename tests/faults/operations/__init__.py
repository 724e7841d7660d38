"""All operations that write: how to get ready, and the one step that is disturbed.

An operation is registered under what it is: `POST /api/v2/Tokens` (an endpoint), `admin POST /api/v1/Tiers`,
`events: …` (what consumers make of something), `job: …`, `command: …`; after a comma, which case of it.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.world import Act, World

Prepare = Callable[[World], Act]


@dataclass(frozen=True)
class Operation:
    """`again`: what a client finds that sends the request a second time, `status code` or `status`."""

    name: str
    prepare: Prepare
    again: str | None = None
    effect: str = ""

    @property
    def endpoint(self) -> str:
        """The name without the case."""
        return self.name.partition(",")[0]


OPERATIONS: dict[str, Operation] = {}


def operation(name: str) -> Callable[[Prepare], Prepare]:
    """Register a function that gets a world ready and returns the step."""

    def register(prepare: Prepare) -> Prepare:
        assert name not in OPERATIONS, name
        OPERATIONS[name] = Operation(name, prepare)
        return prepare

    return register


def all_operations() -> dict[str, Operation]:
    """The operations of all modules of this package."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return OPERATIONS
