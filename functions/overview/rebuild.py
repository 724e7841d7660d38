"""Makes the overview anew from the services' tables (`backbone overview rebuild`).

It is needed once, where identities were there before the overview, and after a loss of stream records.  It may run
while everything else does, may be broken off and be repeated: each step tells the position to go on from.

First it looks at every identity, reading the whole table of Devices (as a deliberate act of an operator); then at
every line of the overview, for those whose identities are gone.
"""

import base64
import binascii
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from backbone.dynamodb import Item
from backbone.readmodels import identity_details
from functions.overview import projection
from functions.overview.projection_store import ProjectionStore

_AT_THE_SAME_TIME = 16
_ADDING, _REMOVING = "identities", "overview"

store = ProjectionStore()


@dataclass(frozen=True, slots=True)
class Step:
    """A part that is done: how many were looked at, and the position to go on from (None: nothing is left)."""

    refreshed: int
    position: str | None


def rebuild(position: str | None = None) -> Iterator[Step]:
    """Bring everything up to date, part by part; nothing happens between them.  Raises `ValueError`."""
    phase, start = _read(position)
    with ThreadPoolExecutor(_AT_THE_SAME_TIME) as threads:
        while phase:
            look = identity_details.some_addresses if phase == _ADDING else store.some_addresses
            addresses, start = look(start)
            list(threads.map(projection.refresh, addresses))
            if start is None:
                phase = _REMOVING if phase == _ADDING else ""
            yield Step(len(addresses), _position(phase, start) if phase else None)


def _position(phase: str, start: Item | None) -> str:
    return base64.urlsafe_b64encode(json.dumps([phase, start]).encode()).decode()


def _read(position: str | None) -> tuple[str, Item | None]:
    if position is None:
        return _ADDING, None
    try:
        phase, start = json.loads(base64.urlsafe_b64decode(position))
    except (binascii.Error, TypeError, ValueError):
        phase, start = None, None
    if phase not in (_ADDING, _REMOVING):
        raise ValueError("this is not a position of an earlier run")
    return phase, start
