"""Relationships as other services read them.  Owner: functions/relationships."""

from dataclasses import dataclass

from backbone.addresses import Address
from backbone.deletion import deletion_mark_key
from backbone.dynamodb import Item, Key, Table
from backbone.ids import IdentityDeletionProcessId, RelationshipId
from backbone.settings import settings


@dataclass(frozen=True, slots=True)
class RelationshipView:
    """The youngest relationship of a pair of identities, or any relationship by id."""

    id: RelationshipId
    status: str

    @classmethod
    def of(cls, item: Item) -> "RelationshipView":
        """Read the owner's item (of a pair or of a relationship)."""
        return cls(RelationshipId(item["relationshipId"]), item["status"])

    @property
    def is_active(self) -> bool:
        """Accepted and not terminated."""
        return self.status == "Active"


@dataclass(frozen=True, slots=True)
class RelationshipDetails:
    """A relationship by id: its status, both sides and who of them has left it."""

    status: str
    participants: tuple[Address, Address]
    decomposed_by: frozenset[Address]

    @classmethod
    def of(cls, item: Item) -> "RelationshipDetails":
        """Read the owner's item of a relationship."""
        creator, other = Address(item["from"]), Address(item["to"])
        flags = ((creator, "fromHasDecomposed"), (other, "toHasDecomposed"))
        left = frozenset(address for address, flag in flags if item.get(flag))
        return cls(item["status"], (creator, other), left)


def table() -> Table:
    """The table of Relationships."""
    return Table(settings().relationships_table)


def pair_key(one: Address, other: Address) -> Key:
    """The item of an unordered pair of identities: its youngest relationship."""
    first, second = sorted((one, other))
    return {"pk": f"PAIR#{first}#{second}", "sk": "P"}


def relationship_key(relationship_id: str) -> Key:
    """The item of a relationship."""
    return {"pk": relationship_id, "sk": "R"}


def has_allocated_template_of(creator: Address, allocator: Address) -> bool:
    """Whether `allocator` has fetched a template that `creator` has made.

    1 eventually consistent query of index `byTemplateCreator` (0.5 RCU).
    """
    condition = "#templateCreatedBy = :creator AND #allocatedBy = :allocator"
    values = {"creator": creator, "allocator": allocator}
    page = table().query(condition, values, index="byTemplateCreator", limit=1, consistent=False)
    return bool(page.items)


def has_left_all(deletion_process_id: IdentityDeletionProcessId) -> bool:
    """Whether Relationships has nothing left of the identity that this process deletes.  1 consistent read (1 RCU)."""
    return table().get(deletion_mark_key(deletion_process_id)) is not None
