"""Relationships as operators list them: those of one identity, without their contents."""

from dataclasses import dataclass
from datetime import datetime

from backbone import clock
from backbone.addresses import Address
from backbone.dynamodb import Item, Table, batch_get
from backbone.http import Page, PageOf
from backbone.ids import DeviceId, RelationshipId, RelationshipTemplateId
from backbone.readmodels.relationships import relationship_key, table
from functions.relationships import items
from functions.relationships.parties_store import PartyStore
from functions.relationships.relationship import Status


@dataclass(frozen=True, slots=True)
class ListedRelationship:
    """A relationship as one participant has it: who the other one is, how it began and how it was answered."""

    peer: Address
    is_requested_by_peer: bool
    template_id: RelationshipTemplateId | None
    status: Status
    created_at: datetime
    created_by_device: DeviceId | None
    answered_at: datetime | None
    answered_by_device: DeviceId | None


class ListingStore:
    """Table `relationships`, its items as in `store.py`, found by the indexes of `PartyStore`."""

    def __init__(self, parties: PartyStore) -> None:
        self._parties = parties

    @property
    def _table(self) -> Table:
        return table()

    def of_participant(self, address: Address, page: Page, *, now: datetime) -> PageOf[ListedRelationship]:
        """A page of an identity's relationships, oldest first, decomposed ones included until their time is over.

        2 queries of the indexes (0.5 RCU per 30 relationships of the identity, whatever the page), 1 batch read per 100
        that are older than a month (1 RCU each), because they may be over; 1 batch read per 33 of the page (3 RCU each,
        more if contents of more than 4 KB came with request and answer).  The indexes lag behind the table, usually by
        less than a second.
        """
        ids = self._parties.relationships_by_age(address, now=now)
        wanted = ids[page.offset : page.offset + page.size]
        found = iter(batch_get(*((self._table, key) for id in wanted for key in _keys(id))))
        listed = []
        for head, first, second in zip(found, found, found, strict=True):
            if head is not None and address in (head["from"], head["to"]):  # else it has gone, or the identity from it
                listed.append(_listed(head, first, second, address))
        return PageOf(listed, page, len(ids), exact=len(listed) < len(wanted))


def _keys(id: RelationshipId) -> tuple[Item, ...]:
    return dict(relationship_key(id)), dict(items.entry_key(id, 1)), dict(items.entry_key(id, 2))


def _listed(head: Item, first: Item | None, second: Item | None, participant: Address) -> ListedRelationship:
    is_requested_by_peer = participant == head["to"]
    return ListedRelationship(
        peer=Address(head["from"] if is_requested_by_peer else head["to"]),
        is_requested_by_peer=is_requested_by_peer,
        template_id=RelationshipTemplateId(head["templateId"]) if "templateId" in head else None,
        status=Status(head["status"]),
        created_at=clock.parse(head["createdAt"]),
        created_by_device=_device(first),
        answered_at=clock.parse(second["at"]) if second else None,
        answered_by_device=_device(second),
    )


def _device(entry: Item | None) -> DeviceId | None:
    return DeviceId(entry["device"]) if entry and "device" in entry else None
