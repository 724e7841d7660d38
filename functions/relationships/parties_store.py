"""Who takes part in what: the way from an identity to its relationships, templates and allocations."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from backbone import clock, expiry
from backbone.addresses import Address
from backbone.dynamodb import BATCH_READ_LIMIT, ConditionFailed, Item, Key, Table, batch_get
from backbone.events import DomainEvent, carried, carried_by
from backbone.ids import RelationshipId
from backbone.readmodels.relationships import relationship_key, table
from functions.relationships.items import OTHER_PARTY, PARTY
from functions.relationships.peers_domain import News, Tie
from functions.relationships.relationship import Status
from functions.relationships.templates_store import TEMPLATE

_INDEXES = {PARTY: "byParty", OTHER_PARTY: "byOtherParty"}
_RELATIONSHIPS, _TEMPLATES = "REL", "RLT"
_RELATIONSHIP = relationship_key("")["sk"]


@dataclass(frozen=True, slots=True)
class GivenAllocation:
    """An allocation of a template; `told` are the ids of the events it carries."""

    allocated_by: Address
    allocated_at: datetime
    key: Key
    told: frozenset[str]


class PartyStore:
    """Table `relationships`, two sparse indexes with little more than keys (and createdAt, which never changes).

    ================  ===========================  ============================================================
    index             key (hash, range)            finds
    ================  ===========================  ============================================================
    `byParty`         party, pk                    relationships by `from`, templates by creator, allocations by
                                                   allocator
    `byOtherParty`    otherParty, pk               relationships by `to`, templates by `forIdentity`
    ================  ===========================  ============================================================

    Both attributes are written at creation only, so later changes cost the indexes nothing; the deletion of an identity
    takes them away (deletion_store.py).  An index lags behind its table, usually by less than a second, hence whoever
    must not miss anything asks twice (consumers.py).
    """

    @property
    def _table(self) -> Table:
        return table()

    def relationship_ids(self, role: str, address: Address) -> Iterator[RelationshipId]:
        """Those with this identity as `PARTY` (`from`) or `OTHER_PARTY` (`to`).  1 query per 1 MB (0.5 RCU per 4 KB,
        about 25 of them)."""
        return (RelationshipId(key["pk"]) for key in self._keys(role, address, _RELATIONSHIPS))

    def relationships_by_age(self, address: Address, *, now: datetime) -> list[RelationshipId]:
        """All relationships of an identity, oldest first.

        2 queries per 1 MB (0.5 RCU per 4 KB, about 30 of them), 1 batch read per 100 that are older than a month.
        """
        entries = [entry for role in _INDEXES for entry in self._keys(role, address, _RELATIONSHIPS)]
        found = expiry.still_there(self._table, entries, now, sk=_RELATIONSHIP)
        return [RelationshipId(entry["pk"]) for entry in sorted(found, key=lambda one: (one["createdAt"], one["pk"]))]

    def template_keys(self, role: str, address: Address) -> Iterator[Key]:
        """`PARTY`: templates it has created and its allocations; `OTHER_PARTY`: templates that are for it."""
        return ({"pk": key["pk"], "sk": key["sk"]} for key in self._keys(role, address, _TEMPLATES))

    def ties_of(self, address: Address) -> Iterator[Tie]:
        """The relationships of an identity.  2 queries, 1 batch read per 100 relationships (1 RCU each)."""
        ids = (id for role in _INDEXES for id in self.relationship_ids(role, address))
        while some := list(islice(ids, BATCH_READ_LIMIT)):
            for head in batch_get(*((self._table, relationship_key(id)) for id in some)):
                if head is not None:
                    peer = head["to"] if head["from"] == address else head["from"]
                    created_at, told = clock.parse(head["createdAt"]), _told(head)
                    yield Tie(RelationshipId(head["pk"]), Address(peer), Status(head["status"]), created_at, told)

    def allocations_of_templates_by(self, creator: Address) -> Iterator[GivenAllocation]:
        """Who has allocated the templates of an identity.

        1 query, and 1 per template and 1 MB of its allocations (1 RCU per 4 KB, about 12 of them).
        """
        templates = (key["pk"] for key in self.template_keys(PARTY, creator) if key["sk"] == TEMPLATE)
        for template_id in templates:
            condition, values = "pk = :pk AND begins_with(sk, :allocation)", {"pk": template_id, "allocation": "A#"}
            for item in self._table.query_all(condition, values):
                key = {"pk": item["pk"], "sk": item["sk"]}
                allocated_at = clock.parse(item["allocatedAt"])
                yield GivenAllocation(Address(item["allocatedBy"]), allocated_at, key, _told(item))

    def tell(self, tie: Tie, news: News, *, at: datetime) -> None:
        """Let the relationship carry an event for the peer.  1 write (1 WCU per KB), none if it carries it already.

        Only the event changes: not the revision, so nobody who is changing the relationship has to decide again.
        """
        statuses = {f"status{n}": status.value for n, status in enumerate(sorted(news.statuses))}
        condition = f"#status IN ({', '.join(f':{name}' for name in statuses)}) AND NOT contains(#events, :told)"
        values = {**statuses, "told": news.event.event_id}
        if news.unless_told is not None:
            condition += " AND NOT contains(#events, :old_news)"
            values["old_news"] = news.unless_told
        self._carry(relationship_key(tie.relationship_id), news.event, tie.told, condition, values, at)

    def tell_allocator(self, allocation: GivenAllocation, event: DomainEvent, *, at: datetime) -> None:
        """The same for an allocation."""
        condition = "attribute_exists(pk) AND NOT contains(#events, :told)"
        self._carry(allocation.key, event, allocation.told, condition, {"told": event.event_id}, at)

    def _carry(
        self, key: Key, event: DomainEvent, told: frozenset[str], condition: str, values: Item, at: datetime
    ) -> None:
        if event.event_id in told:
            return
        try:
            self._table.update(
                key, "SET #events = :events", {**values, "events": carried([event], at)}, condition=condition
            )
        except ConditionFailed:
            return  # told, or not to be told any more, since it was read

    def _keys(self, role: str, address: Address, kind: str) -> Iterator[Item]:
        return self._table.query_all(
            f"#{role} = :address AND begins_with(pk, :kind)",
            {"address": address, "kind": kind},
            index=_INDEXES[role],
            consistent=False,
        )


def _told(item: Item) -> frozenset[str]:
    return frozenset(event.id for event in carried_by(item))
