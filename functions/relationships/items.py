"""The shape of the items of a relationship.  Which items there are: `store.py`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from backbone import clock, payloads
from backbone.addresses import Address
from backbone.dynamodb import Item, Key
from backbone.events import DomainEvent, carried, farewell
from backbone.events.base import FAREWELL
from backbone.events.relationships import RelationshipRemoved
from backbone.ids import DeviceId, RelationshipId, RelationshipTemplateId, random_text
from backbone.readmodels.relationships import relationship_key
from functions.relationships.relationship import AuditLogEntry, Reason, Relationship, Status


@dataclass(frozen=True, slots=True)
class StoredRelationship:
    """A relationship and access to the contents that came with creation and answer."""

    relationship: Relationship
    _entries: Sequence[Item]

    @classmethod
    def of(cls, head: Item, entries: Sequence[Item]) -> "StoredRelationship":
        """Read the items.  Entries beyond the revision were written after the head was read and do not count."""
        entries = entries[: head["revision"]]
        participants = {"from": Address(head["from"]), "to": Address(head["to"])}
        relationship = Relationship(
            id=RelationshipId(head["pk"]),
            template_id=RelationshipTemplateId(head["templateId"]) if "templateId" in head else None,
            from_=participants["from"],
            to=participants["to"],
            created_at=clock.parse(head["createdAt"]),
            status=Status(head["status"]),
            audit_log=tuple(_entry(entry, participants[entry["by"]]) for entry in entries),
            from_has_decomposed=head["fromHasDecomposed"],
            to_has_decomposed=head["toHasDecomposed"],
        )
        return cls(relationship, entries)

    def creation_content(self) -> bytes | None:
        """What `from` sent; a call to S3 when it is large."""
        return payloads.load(self._entries[0], "content")

    def creation_response_content(self) -> bytes | None:
        """What came with acceptance, rejection or revocation; None before, and when it was null."""
        return payloads.load(self._entries[1], "content") if len(self._entries) > 1 else None


def entry_key(relationship_id: str, position: int) -> Key:
    """The key of the n-th entry of the audit log; the first is 1."""
    return {"pk": relationship_id, "sk": f"E#{position:06d}"}


PARTY, OTHER_PARTY = "party", "otherParty"
"""Attributes that name an identity for the indexes `byParty` and `byOtherParty`, until it is deleted."""


def head_item(relationship: Relationship, event: DomainEvent) -> Item:
    """The item of a relationship."""
    return {
        **relationship_key(relationship.id),
        "relationshipId": relationship.id,
        "templateId": relationship.template_id,
        "from": relationship.from_,
        "to": relationship.to,
        PARTY: relationship.from_,
        OTHER_PARTY: relationship.to,
        "createdAt": clock.render(relationship.created_at),
        "status": relationship.status.value,
        "fromHasDecomposed": relationship.from_has_decomposed,
        "toHasDecomposed": relationship.to_has_decomposed,
        "revision": len(relationship.audit_log),
        "events": carried([event], relationship.last_entry.created_at),
        "ttl": removal_time(relationship),
        FAREWELL: farewell_of(relationship),
    }


def pair_attributes(relationship: Relationship) -> Item:
    """What the item of a pair says of its youngest relationship, the only one that may be open."""
    return {
        "relationshipId": relationship.id,
        "status": relationship.status.value,
        "createdAt": clock.render(relationship.created_at),
        "openRelationships": int(relationship.status.is_open),
    }


def entry_item(relationship: Relationship, content: bytes | None) -> Item:
    """The item of the newest entry, after its content has been put to S3 if it is large."""
    entry = relationship.last_entry
    position = len(relationship.audit_log)
    # A name of its own for every attempt: who loses a race must not overwrite the winner's object.
    record = f"{relationship.id}/{position}-{random_text(8)}"
    return {
        **entry_key(relationship.id, position),
        "at": clock.render(entry.created_at),
        "by": "from" if entry.created_by == relationship.from_ else "to",
        "device": entry.created_by_device,
        "reason": entry.reason.value,
        "old": entry.old_status.value if entry.old_status else None,
        "new": entry.new_status.value,
        "ttl": removal_time(relationship),
        **payloads.attributes("relationships", record, content=content),
    }


def removal_time(relationship: Relationship) -> int | None:
    """The `ttl` of its items."""
    return clock.epoch_seconds(relationship.disposable_at) if relationship.disposable_at else None


def farewell_of(relationship: Relationship) -> str | None:
    """The `onRemoval` of its item: its template may not be needed any more."""
    if relationship.disposable_at is None or relationship.template_id is None:
        return None
    return farewell(RelationshipRemoved(relationship_id=relationship.id, template_id=relationship.template_id))


def is_removed(head: Item, now: datetime) -> bool:
    """Whether housekeeping is about to remove it, or would have by now."""
    return "ttl" in head and head["ttl"] <= clock.epoch_seconds(now)


def _entry(item: Item, author: Address) -> AuditLogEntry:
    return AuditLogEntry(
        created_at=clock.parse(item["at"]),
        created_by=author,
        created_by_device=DeviceId(item["device"]) if "device" in item else None,
        reason=Reason(item["reason"]),
        old_status=Status(item["old"]) if "old" in item else None,
        new_status=Status(item["new"]),
    )
