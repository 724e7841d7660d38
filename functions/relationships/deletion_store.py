"""Taking a deleted identity out of the table.  Contract: relationships.md, section 6."""

from contextlib import suppress
from datetime import datetime

from backbone.addresses import Address, anonymised_address
from backbone.deletion import confirm_deletion, is_confirmed
from backbone.dynamodb import (
    TRANSACTION_LIMIT,
    ConditionFailed,
    Item,
    Key,
    Table,
    TransactionFailed,
    transact,
    write_all,
)
from backbone.errors import RecordNotFound
from backbone.events.deletion import IdentityDataDeleted
from backbone.events.devices import IdentityDeleted
from backbone.ids import IdentityDeletionProcessId, RelationshipId, RelationshipTemplateId, random_text
from backbone.readmodels.relationships import pair_key, relationship_key, table
from backbone.settings import settings
from functions.relationships import counting, deletion_domain
from functions.relationships.items import OTHER_PARTY, PARTY
from functions.relationships.parties_store import PartyStore
from functions.relationships.relationship import Relationship
from functions.relationships.store import RelationshipStore
from functions.relationships.templates_store import TEMPLATE, TemplateStore

AGGREGATES = ("Relationships", "RelationshipTemplates", "RelationshipTemplateAllocations")
"""What the audit log of the deletion process names (§6)."""
_ATTEMPTS = 10
_RANDOM_CHARACTERS = 8


class StillChanging(Exception):
    """A relationship changes faster than it can be left; the event has to be handled again later."""


class DeletionStore:
    """Table `relationships`.  What an identity has is found by the indexes of `PartyStore`.

    Everything is done in steps that can be repeated, and an item loses its place in the index (`party`, `otherParty`)
    with the last of them: what is not in the index is done, whenever a deletion breaks off.
    """

    def __init__(self, parties: PartyStore, relationships: RelationshipStore, templates: TemplateStore) -> None:
        self._parties = parties
        self._relationships = relationships
        self._templates = templates

    @property
    def _table(self) -> Table:
        return table()

    @property
    def _pseudonym(self) -> Address:
        return anonymised_address(settings().did_domain)

    def leave_relationships(self, deletion: IdentityDeleted, *, now: datetime) -> None:
        """Decompose every relationship that it has not decomposed before, and name it nowhere any more (§6 step 1).

        Per relationship: 1 query (1 RCU per 4 KB), 1 transaction of head (two events: 2 KB), entry and pair (8 WCU; the
        second of two deletions: 6, and 2 per older entry; 4 more if the other one has one relationship more now), 1
        update that takes the events away (2 WCU, and 1 for the index).
        """
        for role in (PARTY, OTHER_PARTY):
            for relationship_id in self._parties.relationship_ids(role, deletion.identity_address):
                self._leave(relationship_id, deletion, now=now)
                self._unlist(relationship_key(relationship_id), role, deletion.identity_address)

    def _leave(self, relationship_id: RelationshipId, deletion: IdentityDeleted, *, now: datetime) -> None:
        is_counted = True
        for _ in range(_ATTEMPTS):
            try:
                relationship = self._relationships.get(relationship_id, now=now).relationship
            except RecordNotFound:
                return  # housekeeping is about to remove it
            departure = deletion_domain.depart(relationship, deletion, pseudonym=self._pseudonym, now=now)
            if departure is None:
                if self._forget(relationship, deletion, now=now):
                    return
                continue
            after = departure.decomposed
            # Nobody can create a relationship with a deleted identity, so the pair's lock has no use any more.
            # Whoever is left changes his relationship without it.
            pair = self._table.deleting(pair_key(relationship.from_, relationship.to))
            change = [*self._relationships.entering(after, departure.events, named=departure.anonymous), pair]
            counts = counting.changes(relationship, after, now=now, leaving=deletion.identity_address)
            writes = [*change, *(counts if is_counted else []), *self._relationships.retiring(after)]
            try:
                transact(writes[:TRANSACTION_LIMIT])
            except TransactionFailed as lost:
                if max(lost.failed) >= len(change):
                    is_counted = False  # the other one is being deleted, too
                continue  # changed by the peer since it was read
            write_all(writes[TRANSACTION_LIMIT:])
            return
        raise StillChanging(relationship_id)

    def _forget(self, relationship: Relationship, deletion: IdentityDeleted, *, now: datetime) -> bool:
        """1 transaction (4 WCU), none if the identity is not named any more.  False when somebody was faster."""
        forgotten = deletion_domain.forget(relationship, deletion, pseudonym=self._pseudonym)
        if forgotten is None:
            return True
        anonymous, event = forgotten
        pair = self._table.deleting(pair_key(relationship.from_, relationship.to))
        try:
            transact([self._relationships.renaming(anonymous, event, now=now), pair])
        except TransactionFailed:
            return False
        return True

    def delete_templates(self, deletion: IdentityDeleted, *, now: datetime) -> None:
        """Delete the templates it has created, as their owner would (§6 step 2; cost: `TemplateStore.delete`)."""
        for key in self._parties.template_keys(PARTY, deletion.identity_address):
            if key["sk"] == TEMPLATE:
                with suppress(RecordNotFound):  # the index is late
                    self._templates.delete(RelationshipTemplateId(key["pk"]), now=now)

    def anonymise_personalised_templates(self, deletion: IdentityDeleted) -> None:
        """Templates for the identity are for nobody now (§6 step 3).  1 write each (1 WCU per KB, 1 for the index)."""
        for key in self._parties.template_keys(OTHER_PARTY, deletion.identity_address):
            name = "#forIdentity = :pseudonym", {"pseudonym": self._pseudonym}
            self._unlist(key, OTHER_PARTY, deletion.identity_address, name)

    def anonymise_allocations(self, deletion: IdentityDeleted) -> None:
        """Its allocations of other people's templates are nobody's, but still allocations (§6 step 4).

        Per allocation: 1 read (1 RCU), 1 transaction (6 WCU, 1 for the index).
        """
        for key in self._parties.template_keys(PARTY, deletion.identity_address):
            if key["sk"] != TEMPLATE:
                self._anonymise_allocation(key)

    def _anonymise_allocation(self, key: Key) -> None:
        while (allocation := self._table.get(key)) is not None:
            # The pseudonym is shared by all deleted identities, hence the random part.
            anonymous = {
                **{name: value for name, value in allocation.items() if name not in (PARTY, "events")},
                "sk": f"A#{self._pseudonym}#{random_text(_RANDOM_CHARACTERS)}",
                "allocatedBy": self._pseudonym,
            }
            try:
                transact(
                    [
                        self._templates.checking_existence(key["pk"]),
                        self._table.deleting(key, condition="attribute_exists(pk)"),
                        self._table.putting(anonymous),
                    ]
                )
            except TransactionFailed as lost:
                if 0 in lost.failed:  # no such template (any more): what its deletion has not seen, goes here
                    self._templates.withdraw(allocation)
            else:
                return

    def has_confirmed(self, deletion_process_id: IdentityDeletionProcessId) -> bool:
        """1 read (1 RCU)."""
        return is_confirmed(self._table, deletion_process_id)

    def confirm(self, deletion: IdentityDeleted, *, now: datetime) -> None:
        """Say that nothing is left.  1 write (1 WCU; 3 when it is said again)."""
        confirmation = IdentityDataDeleted(
            identity_address=deletion.identity_address,
            deletion_process_id=deletion.deletion_process_id,
            service="relationships",
            aggregates=AGGREGATES,
        )
        confirm_deletion(self._table, confirmation, now=now)

    def _unlist(self, key: Key, role: str, address: Address, assignment: tuple[str, Item] = ("", {})) -> None:
        """Take an item out of an index, and its last events away: the stream has told them, and here they would keep
        naming the identity."""
        expression, values = assignment
        setting = f"SET {expression} " if expression else ""
        with suppress(ConditionFailed):  # done before
            self._table.update(
                key,
                f"{setting}REMOVE #{role}, #events",
                {**values, "address": address},
                condition=f"#{role} = :address",
            )
