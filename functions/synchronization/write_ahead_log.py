"""Changes that are too large for one transaction.

DynamoDB commits at most 100 items and 4 MB at once.  A larger change is first written down as a whole, as a payload of
the head (so usually in S3), by the same conditional write that moves the head: from then on it has happened.  Applying
it can be repeated, and by anybody: whoever reads a head with a log finishes the log before anything else.  Every part
is applied on the condition that the head still has the revision that came with the log, so somebody who stopped in the
middle and wakes up later writes nothing.

Payloads of modifications are part of the log and are put to S3 when it is applied: only then is it certain that there
will be an item for them.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from backbone.dynamodb import TRANSACTION_LIMIT, Item

TRANSACTION_BYTES = 3_000_000
"""Well below the 4 MB that a transaction may have, as sizes are estimated."""
_OVERHEAD_BYTES = 2_000
"""About the most that an item of this table has beside its payload: three texts in four-byte characters, twice."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One item to write, or (without `item`) to remove.  `payload` is kept apart until it is clear where it goes."""

    pk: str
    sk: str
    item: Item | None = None
    payload: bytes | None = None

    def size(self, inline_bytes: int) -> int:
        """At most how many bytes a transaction has to carry for it; a larger payload goes to S3."""
        payload_bytes = len(self.payload or b"")
        return _OVERHEAD_BYTES + (payload_bytes if payload_bytes <= inline_bytes else 0)


def fits_one_transaction(entries: Sequence[Entry], *, others: int, inline_bytes: int) -> bool:
    """Whether the entries and so many other small items can be committed at once."""
    size = sum(entry.size(inline_bytes) for entry in entries)
    return len(entries) + others <= TRANSACTION_LIMIT and size <= TRANSACTION_BYTES


def parts(entries: Iterable[Entry], *, inline_bytes: int) -> Iterator[list[Entry]]:
    """The entries in portions that fit a transaction together with the check of the head."""
    part: list[Entry] = []
    for entry in entries:
        if part and not fits_one_transaction([*part, entry], others=1, inline_bytes=inline_bytes):
            yield part
            part = []
        part.append(entry)
    if part:
        yield part


def dump(entries: Iterable[Entry]) -> bytes:
    """The log as bytes."""
    return json.dumps(
        [
            [
                entry.pk,
                entry.sk,
                entry.item,
                None if entry.payload is None else base64.b64encode(entry.payload).decode(),
            ]
            for entry in entries
        ],
        separators=(",", ":"),
        ensure_ascii=False,
    ).encode()


def load(data: bytes) -> list[Entry]:
    """The inverse of `dump`."""
    rows: list[tuple[str, str, dict[str, Any] | None, str | None]] = json.loads(data)
    return [
        Entry(pk, sk, item, None if payload is None else base64.b64decode(payload, validate=True))
        for pk, sk, item, payload in rows
    ]
