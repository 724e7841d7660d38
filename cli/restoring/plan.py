"""What is being restored and how far it is: one object in the bucket of payloads, so that anybody can go on with it."""

from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field

from backbone import payloads
from backbone.settings import settings

PREFIX = "operator/restore/"
_KEY = f"{PREFIX}plan.json"
SEGMENTS = 8
"""Parts of a table that are copied at the same time."""
COMPARED_IF_KEPT_FOR = timedelta(days=7)
"""What expires sooner is copied but not compared: it may go at any moment."""

MOST_MISSING = 1000


class Segment(BaseModel):
    """A part of a table: the key after which to go on (None: from the beginning), and what has been copied so far.

    `digest` is a sum over the items that are compared, the same in whatever order they are read.
    """

    after: dict[str, Any] | None = None
    done: bool = False
    pages: int = 0
    copied: int = 0
    compared: int = 0
    digest: int = 0


class TablePlan(BaseModel):
    """One table: `source` is read as it was, by way of `restoring`, a temporary table.

    `replaced` is the table that was in use when the restore began, and mostly the source.
    """

    service: str
    source: str
    replaced: str
    restoring: str
    has_begun: bool = False
    segments: list[Segment] = Field(default_factory=lambda: [Segment() for _ in range(SEGMENTS)])

    @property
    def is_done(self) -> bool:
        """Whether everything has been copied."""
        return all(segment.done for segment in self.segments)

    @property
    def is_switched(self) -> bool:
        """Whether the stack has a new table."""
        return self.target != self.replaced

    @property
    def target(self) -> str:
        """The table that the functions use now."""
        return str(getattr(settings(), f"{self.service}_table"))

    def total(self, what: str) -> int:
        """The sum of a number over all segments."""
        return sum(int(getattr(segment, what)) for segment in self.segments)


class Plan(BaseModel):
    """A restore that is under way; `whole` if all tables belong to it, `compared` once the copies were found right.

    `missing` are payloads that have no version any more, the first thousand of them.
    """

    at: datetime
    started_at: datetime
    whole: bool
    tables: list[TablePlan]
    brought_back: int = 0
    missing: list[str] = Field(default=[], max_length=MOST_MISSING)
    compared: bool = False

    def note_missing(self, key: str) -> None:
        """A payload cannot be brought back."""
        if key not in self.missing and len(self.missing) < MOST_MISSING:
            self.missing.append(key)

    @property
    def compared_after(self) -> datetime:
        """What expires before is not compared."""
        return self.started_at + COMPARED_IF_KEPT_FOR


def load() -> Plan | None:
    """The restore that is under way, if any."""
    found = read(_KEY)
    return Plan.model_validate_json(found) if found else None


def save(plan: Plan) -> None:
    """Remember how far it is."""
    write(_KEY, plan.model_dump_json().encode())


def forget() -> None:
    """It is over: remove the plan and whatever else was kept for it."""
    for key in kept():
        payloads.remove(key)


def kept(under: str = "") -> list[str]:
    """The keys of what is kept for the restore, in order."""
    place = {"Bucket": settings().payload_bucket, "Prefix": f"{PREFIX}{under}"}
    pages = payloads.client().get_paginator("list_objects_v2").paginate(**place)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def read(key: str) -> bytes | None:
    """The content of an object, if it is there."""
    client = payloads.client()
    try:
        content: bytes = client.get_object(Bucket=settings().payload_bucket, Key=key)["Body"].read()
    except client.exceptions.NoSuchKey:
        return None
    return content


def write(key: str, content: bytes) -> None:
    """Keep something for the restore."""
    payloads.client().put_object(Bucket=settings().payload_bucket, Key=key, Body=content)
