"""Relationships as other services read them.  Owner: functions/relationships."""

from dataclasses import dataclass
from datetime import datetime

from backbone import clock
from backbone.addresses import Address
from backbone.deletion import deletion_mark_key
from backbone.dynamodb import Item, Key, Table, batch_get
from backbone.expiry import is_over
from backbone.ids import IdentityDeletionProcessId, RelationshipId
from backbone.settings import settings

_ENOUGH = 100
"""Nobody keeps more allocations of templates of one and the same identity that are over."""


@dataclass(frozen=True, slots=True)
class RelationshipView:
    """The youngest relationship of a pair of identities, or any relationship by id."""

    id: RelationshipId
    status: str

    @classmethod
    def of(cls, item: Item) -> "RelationshipView":
        """Read the owner's item (of a pair or of a relationship)."""
        return cls(RelationshipId(item["relationshipId"]), item["status"])

    @classmethod
    def of_pair(cls, item: Item | None, now: datetime) -> "RelationshipView | None":
        """Read the owner's item of a pair.  None without one, and when all relationships of the pair are removed."""
        return None if item is None or is_over(item, now) else cls.of(item)

    @property
    def is_active(self) -> bool:
        """Accepted and not terminated."""
        return self.status == "Active"


@dataclass(frozen=True, slots=True)
class RelationshipDetails:
    """A relationship by id: its status, both sides and who of them has left it."""

    id: RelationshipId
    status: str
    revision: int
    participants: tuple[Address, Address]
    decomposed_by: frozenset[Address]

    @classmethod
    def of(cls, item: Item) -> "RelationshipDetails":
        """Read the owner's item of a relationship."""
        creator, other = Address(item["from"]), Address(item["to"])
        flags = ((creator, "fromHasDecomposed"), (other, "toHasDecomposed"))
        left = frozenset(address for address, flag in flags if item.get(flag))
        return cls(RelationshipId(item["pk"]), item["status"], item["revision"], (creator, other), left)

    def active_until(self) -> datetime | None:
        """When it was last terminated; None if it never was.

        1 consistent query of its audit log (1 RCU per 4 KB, large contents not included).
        """
        condition, values = "pk = :pk AND begins_with(sk, :entry)", {"pk": self.id, "entry": "E#"}
        entries = table().query_all(condition, values, project="#at, #old, #new")
        ends = (entry["at"] for entry in entries if (entry.get("old"), entry["new"]) == ("Active", "Terminated"))
        last = max(ends, default=None)
        return clock.parse(last) if last else None


def table() -> Table:
    """The table of Relationships."""
    return Table(settings().relationships_table)


def pair_key(one: Address, other: Address) -> Key:
    """The item of an unordered pair of identities: its youngest relationship."""
    first, second = sorted((one, other))
    return {"pk": f"PAIR#{first}#{second}", "sk": "P"}


def is_without_future(pair: Item | None) -> bool:
    """Whether nothing can be sent between the two any more, unless they make a new relationship.

    One of them is deleted, or both have left all their relationships.
    """
    return pair is None or "ttl" in pair


def relationship_key(relationship_id: str) -> Key:
    """The item of a relationship."""
    return {"pk": relationship_id, "sk": "R"}


def has_allocated_template_of(creator: Address, allocator: Address, now: datetime) -> bool:
    """Whether `allocator` has fetched a template that `creator` has made and that is not removed by now.

    1 eventually consistent query of index `byTemplateCreator` (0.5 RCU); 1 batch read of what it shows (1 RCU each).
    """
    condition = "#templateCreatedBy = :creator AND #allocatedBy = :allocator"
    values = {"creator": creator, "allocator": allocator}
    page = table().query(condition, values, index="byTemplateCreator", limit=_ENOUGH, consistent=False)
    allocations = batch_get(*((table(), {"pk": entry["pk"], "sk": entry["sk"]}) for entry in page.items))
    return any(item is not None and not is_over(item, now) for item in allocations)


def has_left_all(deletion_process_id: IdentityDeletionProcessId) -> bool:
    """Whether Relationships has nothing left of the identity that this process deletes.  1 consistent read (1 RCU)."""
    return table().get(deletion_mark_key(deletion_process_id)) is not None
