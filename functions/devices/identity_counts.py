"""Numbers of identities that many registrations change at once, in parts.

Every registration adds one to the number of its client and of its tier, in its own transaction.  One item for each
number would make the registrations of a popular app wait for each other, so the number is spread over some items of the
owner's partition, and each registration takes any of them; the number is their sum.
"""

import random
from collections.abc import Iterator

from backbone.dynamodb import Key

PARTS = 16
_PART = "N#"


def any_part(partition: str) -> Key:
    """A part, by chance."""
    return _key(partition, random.randrange(PARTS))


def all_parts(partition: str) -> Iterator[Key]:
    """Every part there may be."""
    return (_key(partition, number) for number in range(PARTS))


def is_part(key: Key) -> bool:
    """Whether an item of the partition is one of the parts."""
    return str(key["sk"]).startswith(_PART)


def _key(partition: str, number: int) -> Key:
    return {"pk": partition, "sk": f"{_PART}{number}"}
