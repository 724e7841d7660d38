"""Relationships as other services read them.  Owner: functions/relationships."""

from dataclasses import dataclass

from backbone.addresses import Address
from backbone.dynamodb import Item, Key, Table
from backbone.ids import RelationshipId
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
