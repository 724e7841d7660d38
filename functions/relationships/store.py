"""Where relationships are kept."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from backbone import payloads
from backbone.addresses import Address
from backbone.dynamodb import (
    TRANSACTION_LIMIT,
    Item,
    Table,
    TransactionFailed,
    Write,
    batch_get,
    transact,
    write_all,
)
from backbone.errors import RecordNotFound
from backbone.events import DomainEvent, carried
from backbone.http import Page, PageOf, page_of
from backbone.ids import RelationshipId
from backbone.quotas import Allowance
from backbone.readmodels import identities
from backbone.readmodels.identities import IdentityView
from backbone.readmodels.relationships import pair_key, relationship_key, table
from functions.relationships import counting, domain, items, refusals
from functions.relationships.domain import Transition
from functions.relationships.items import StoredRelationship
from functions.relationships.refusals import Refusal
from functions.relationships.relationship import Relationship

_CHANGE_ATTEMPTS = 10
"""Every lost race means that somebody else has changed the relationship; nobody does so ten times in a row."""
_SNAPSHOT_ATTEMPTS = 5

# Positions in the transactions, to tell which condition failed.
_PEER, _CREATOR, _NEW_PAIR, _TEMPLATE = 0, 1, 2, 5
_PAIR = 2


@dataclass(frozen=True, slots=True)
class _Standing:
    """How a relationship stands to the item of its pair.  At first the usual is taken for granted; the pair tells."""

    is_youngest: bool = True
    is_last: bool = True
    """It is the only one that is not ReadyForDeletion."""
    pair_is_gone: bool = False
    """One of the two identities has been deleted."""

    @classmethod
    def of(cls, relationship_id: RelationshipId, pair: Item | None) -> "_Standing":
        if pair is None:
            return cls(pair_is_gone=True)
        return cls(pair["relationshipId"] == relationship_id, pair.get("undissolved") == 1)


class RelationshipStore:
    """Table `relationships`.

    ============  ========================  ==========  ================================================================
    item          pk                        sk
    ============  ========================  ==========  ================================================================
    relationship  REL…                      `R`         relationshipId, templateId?, from, to, createdAt, status,
                                                        fromHasDecomposed, toHasDecomposed, revision; party and
                                                        otherParty: `from` and `to` for the indexes (parties_store.py)
    audit entry   REL…                      `E#<n>`     at, by (`from` or `to`), device?, reason, old?, new, content?;
                                                        n counts from 1, the newest is the relationship's revision
    pair          `PAIR#<address>#…`        `P`         relationshipId, status, createdAt of the youngest relationship
                                                        of two identities; openRelationships: how many are open;
                                                        undissolved: how many are not ReadyForDeletion; ttl?
    ============  ========================  ==========  ================================================================

    * The log grows without limit, hence an item per entry: what a change writes stays the same size.  Contents ride on
      the entry they came with and are never written again.
    * The relationship's revision is the lock of its changes, the pair's `openRelationships` that of creation.
    * An entry names its author by role: a pseudonym needs to be written to one item only.
    * `ttl` (relationship and entries) is 30 days after the status became ReadyForDeletion; the pair goes with the last
      of its relationships.
    """

    @property
    def _table(self) -> Table:
        return table()

    def obstacle_to_creation(self, peer: Address, caller: Address) -> Refusal | None:
        """1 batch read of the peer's identity and the pair (2 RCU).  Raises `RecordNotFound` for an unknown peer."""
        identity, pair = batch_get((identities.table(), identities.key(peer)), (self._table, pair_key(peer, caller)))
        return domain.obstacle_to_creation(
            peer_exists=identity is not None,
            peer_is_active=identity is not None and IdentityView.of(identity).is_active,
            has_open_relationship=pair is not None and pair["openRelationships"] > 0,
        )

    def add(
        self, creation: Transition, content: bytes | None, template_writes: Sequence[Write], allowance: Allowance
    ) -> None:
        """1 transaction: relationship, entry (with the content), pair, its use of the template, the creator's number of
        relationships; the peer is active, the creator is not being deleted.

        14 WCU, 2 more per further KB of content, 2 for the indexes, and what freeing the template from its expiry costs
        the first time.  Raises `QuotaExhausted`, or what else §3.4 says, in its order: `RecordNotFound` (identity),
        `peerIsToBeDeleted`, `RecordNotFound` (template), `relationshipToTargetAlreadyExists`.
        """
        relationship = creation.after
        writes = [
            identities.check_active(relationship.to),  # _PEER
            # Tokens outlive their identity by minutes.  What the deletion does not find must not come afterwards.
            identities.check_not_deleting(relationship.from_),  # _CREATOR
            self._pairing(relationship),  # _NEW_PAIR
            self._table.putting(items.head_item(relationship, creation.event), condition="attribute_not_exists(pk)"),
            self._table.putting(items.entry_item(relationship, content), condition="attribute_not_exists(pk)"),
            *template_writes,  # from _TEMPLATE on
        ]
        try:
            allowance.spend(writes, now=creation.after.created_at)
        except TransactionFailed as failure:
            raise _refusal_of_creation(failure) from None
        payloads.settle(writes)

    def _pairing(self, relationship: Relationship) -> Write:
        """The new youngest relationship of a pair of which none is open."""
        attributes = items.pair_attributes(relationship)
        setting = ", ".join(f"#{name} = :{name}" for name in attributes)
        return self._table.updating(
            pair_key(relationship.from_, relationship.to),
            f"SET {setting} REMOVE #ttl ADD undissolved :one",
            {**attributes, "one": 1, "none": 0},
            condition="attribute_not_exists(pk) OR openRelationships = :none",
        )

    def get(self, relationship_id: RelationshipId, *, now: datetime) -> StoredRelationship:
        """1 query of the relationship and its log (1 RCU per 4 KB, contents included).  Raises `RecordNotFound`.

        A query is no snapshot: it may see a transaction's relationship before its entry.  Then it is repeated.
        """
        for _ in range(_SNAPSHOT_ATTEMPTS):
            *entries, head = [*self._table.query_all("pk = :pk", {"pk": relationship_id})] or [{}]
            if head.get("sk") != "R" or items.is_removed(head, now):
                raise RecordNotFound("Relationship")
            if len(entries) >= head["revision"]:
                return StoredRelationship.of(head, entries)
        raise RuntimeError(f"{relationship_id}: entries of the audit log are missing")

    def find_all(
        self, relationship_ids: Iterable[RelationshipId], participant: Address, page: Page, *, now: datetime
    ) -> PageOf[StoredRelationship]:
        """Those that exist and that `participant` takes part in, oldest first.

        1 batch read per 100 relationships (1 RCU each), then 1 per 100 entries of the page's logs (1 RCU each).
        """
        keys = [relationship_key(id) for id in dict.fromkeys(relationship_ids)]
        heads = [head for head in batch_get(*((self._table, key) for key in keys)) if head is not None]
        heads = [
            head for head in heads if participant in (head["from"], head["to"]) and not items.is_removed(head, now)
        ]
        found = page_of(sorted(heads, key=lambda head: (head["createdAt"], head["pk"])), page)
        entry_keys = [items.entry_key(head["pk"], n) for head in found.items for n in range(1, head["revision"] + 1)]
        entries = iter(batch_get(*((self._table, key) for key in entry_keys)))
        return found.map(lambda head: self._complete(head, [next(entries) for _ in range(head["revision"])], now=now))

    def change(
        self,
        relationship_id: RelationshipId,
        decide: Callable[[Relationship], Transition],
        *,
        content: bytes | None = None,
        allowance: Allowance | None = None,
        now: datetime,
    ) -> Relationship:
        """Read, decide, write on the condition that nothing has changed; a lost race decides again on the new state.

        1 query (1 RCU per 4 KB), 1 transaction: relationship, entry (with the content) and, when the status changes,
        pair (6 WCU, else 4, whatever the size of the creation's content and the length of the log).  Who has more or
        fewer relationships is counted (`counting.changes`; with an `allowance`, which limits it, 2 WCU).  The second
        decomposition also marks the older entries for removal (2 WCU per KB of them).  Raises `QuotaExhausted`.
        """
        standing, is_counted = _Standing(), allowance is None
        for _ in range(_CHANGE_ATTEMPTS):
            transition = decide(self.get(relationship_id, now=now).relationship)
            after = transition.after
            if allowance is not None:
                allowance.check()
            change = [*self.entering(after, [transition.event], content), *self._pair_changes(transition, standing)]
            counts = counting.changes(transition.before, after, now=now) if is_counted and transition.before else []
            writes = [*change, *counts, *self.retiring(after)]
            try:
                if allowance is not None:
                    allowance.spend(writes, now=now, created_at=after.created_at)
                else:
                    transact(writes[:TRANSACTION_LIMIT])
            except TransactionFailed as lost:
                if _PAIR in lost.failed and len(change) > _PAIR:
                    standing = _Standing.of(after.id, lost.failed[_PAIR])
                if max(lost.failed) >= len(change):
                    is_counted = False  # for an identity of which nothing is kept any more
            else:
                write_all(writes[TRANSACTION_LIMIT:])  # a log of more than 96 entries
                payloads.settle(writes)
                return after
        raise refusals.WRONG_STATUS.error()

    def entering(
        self,
        after: Relationship,
        events: Sequence[DomainEvent],
        content: bytes | None = None,
        *,
        named: Relationship | None = None,
    ) -> list[Write]:
        """The new state and its entry, on the condition that nothing has changed since it was read.

        `named` is the same relationship with the names that it is stored with from now on, if they change.
        """
        position = len(after.audit_log)
        values = {
            "status": after.status.value,
            "seen": position - 1,
            "revision": position,
            "fromLeft": after.from_has_decomposed,
            "toLeft": after.to_has_decomposed,
            "events": carried(events, after.last_entry.created_at),
        }
        assignments = "#status = :status, revision = :revision, #events = :events"
        assignments += ", fromHasDecomposed = :fromLeft, toHasDecomposed = :toLeft"
        if named is not None:
            values |= {"from": named.from_, "to": named.to}
            assignments += ", #from = :from, #to = :to"
        if (removal := items.removal_time(after)) is not None:
            values["ttl"] = removal
            assignments += ", #ttl = :ttl"
        if (farewell := items.farewell_of(after)) is not None:
            values["onRemoval"] = farewell
            assignments += ", #onRemoval = :onRemoval"
        return [
            self._table.updating(
                relationship_key(after.id), f"SET {assignments}", values, condition="revision = :seen"
            ),
            self._table.putting(items.entry_item(after, content), condition="attribute_not_exists(pk)"),
        ]

    def renaming(self, anonymous: Relationship, event: DomainEvent, *, now: datetime) -> Write:
        """Other names and nothing else, on the condition that nothing has changed since it was read."""
        values = {
            "from": anonymous.from_,
            "to": anonymous.to,
            "events": carried([event], now),
            "seen": len(anonymous.audit_log),
        }
        setting = "SET #from = :from, #to = :to, #events = :events"
        return self._table.updating(relationship_key(anonymous.id), setting, values, condition="revision = :seen")

    def retiring(self, after: Relationship) -> list[Write]:
        """Once both sides have decomposed it: the older entries go when the relationship goes."""
        removal = items.removal_time(after)
        older = range(1, len(after.audit_log)) if removal is not None else ()
        return [self._table.updating(items.entry_key(after.id, n), "SET #ttl = :ttl", {"ttl": removal}) for n in older]

    def _pair_changes(self, transition: Transition, standing: _Standing) -> list[Write]:
        """The pair's share of a change: the status of its youngest relationship, how many are open, and its end."""
        before, after = transition.before, transition.after
        if before is None or before.status is after.status or standing.pair_is_gone:
            return []
        # An older relationship that was rejected or revoked counts as open again while it is decomposed (§11.14).
        opened = int(after.status.is_open) - int(before.status.is_open)
        values: Item = {"opened": opened, "id": after.id}
        setting, adding = [], ["openRelationships :opened"]
        conditions = ["relationshipId = :id" if standing.is_youngest else "relationshipId <> :id"]
        if standing.is_youngest:
            setting.append("#status = :status")
            values["status"] = after.status.value
        if (removal := items.removal_time(after)) is not None:
            adding.append("undissolved :minus")
            values |= {"minus": -1, "one": 1}
            conditions.append("undissolved = :one" if standing.is_last else "NOT undissolved = :one")
            if standing.is_last:
                setting.append("#ttl = :ttl")
                values["ttl"] = removal
        clauses = [f"SET {', '.join(setting)}"] if setting else []
        expression = " ".join([*clauses, f"ADD {', '.join(adding)}"])
        key = pair_key(after.from_, after.to)
        return [self._table.updating(key, expression, values, condition=" AND ".join(conditions))]

    def _complete(self, head: Item, entries: Sequence[Item | None], *, now: datetime) -> StoredRelationship:
        """A relationship whose entries were read after it; one that is being written right now is read again."""
        complete = [entry for entry in entries if entry is not None]
        if len(complete) < len(entries):
            return self.get(RelationshipId(head["pk"]), now=now)
        return StoredRelationship.of(head, complete)


def _refusal_of_creation(failure: TransactionFailed) -> Exception:
    """The error of the first condition that failed, in the order of §3.4."""
    if _PEER in failure.failed:
        exists = failure.failed[_PEER] is not None
        refusal = domain.obstacle_to_creation(peer_exists=exists, peer_is_active=False, has_open_relationship=False)
        return refusal.error() if refusal else failure
    if _CREATOR in failure.failed:
        return RecordNotFound("Identity")
    if any(position >= _TEMPLATE for position in failure.failed):
        return RecordNotFound("RelationshipTemplate")
    return refusals.ALREADY_EXISTS.error() if _NEW_PAIR in failure.failed else failure
