"""Where tiers are kept, and how many identities each of them has."""

from collections import Counter
from dataclasses import replace
from datetime import datetime

from backbone.addresses import Address
from backbone.dynamodb import Item, Key, Table, TransactionFailed, Write, batch_get, transact
from backbone.errors import RecordNotFound
from backbone.events import carried, farewell
from backbone.events.devices import TierCreated, TierDeleted, TierOfIdentityChanged
from backbone.ids import QUEUED_FOR_DELETION_TIER, TierId
from backbone.readmodels import tiers as readmodel
from backbone.settings import settings
from functions.devices.domain import Identity
from functions.devices.errors import TierNameAlreadyExists
from functions.devices.identity_counts import all_parts, any_part
from functions.devices.items import identity_key, identity_of
from functions.devices.tiers import Tier, TierInUse, check_assignment, fixed_tiers, may_be_name

_NEW = "attribute_not_exists(pk)"
_ATTEMPTS = 10
"""Every lost race means that somebody else has changed the tier; nobody does so ten times."""


def name_key(name: str) -> Key:
    """Which tier has a name."""
    return {"pk": f"TIERNAME#{name}", "sk": "N"}


def partition_of(tier_id: str) -> str:
    """The partition of the parts of a tier's count."""
    return f"TIER#{tier_id}"


def tier_items(tier: Tier, created_at: datetime) -> list[Item]:
    """A new tier, without the parts of its count."""
    created, deleted = TierCreated(tier_id=tier.id, tier_name=tier.name), TierDeleted(tier_id=tier.id)
    events = {"events": carried([created], created_at), "onRemoval": farewell(deleted)}
    return [
        {**readmodel.key(tier.id), "name": tier.name, "clients": 0, **events},
        {**name_key(tier.name), "tierId": tier.id},
    ]


class TierStore:
    """Tiers in table `devices`.

    tier   pk = `TIERS`, sk = `<tier id>`; name, `clients` whose default it is; carries events, also that of its end
    name   pk = `TIERNAME#<name>`, sk = `N`; tierId
    count  pk = `TIER#<tier id>`, sk = `N#<0 … 15>`: `identities` that have the tier, and those that are `queued` for
           deletion and had it before.  The parts are there as long as the tier: who finds none is too late.
    """

    @property
    def _table(self) -> Table:
        return Table(settings().devices_table)

    # Tiers ------------------------------------------------------------------------------------------------------------

    def get(self, tier_id: str) -> Tier | None:
        """1 read (1 RCU); none for what cannot be an id."""
        found = readmodel.find(tier_id)
        return Tier(found.id, found.name) if found else None

    def find(self, name_or_id: str) -> Tier | None:
        """1 round trip (1–2 RCU); a name comes before an id, and its id is looked up by another (1 RCU)."""
        by_name, by_id = batch_get(
            (self._table, name_key(name_or_id)) if may_be_name(name_or_id) else None,
            (self._table, readmodel.key(name_or_id)) if name_or_id and TierId.is_valid(name_or_id) else None,
        )
        if by_name:
            return Tier(TierId(by_name["tierId"]), name_or_id)
        return Tier(TierId(by_id["sk"]), by_id["name"]) if by_id else None

    def all(self) -> list[Tier]:
        """1 query (1 RCU per some 40 tiers), in no particular order."""
        return [Tier(found.id, found.name) for found in readmodel.all_tiers()]

    def count_identities(self, tier_id: TierId) -> int:
        """How many identities have a tier.  1 query of its parts (1 RCU)."""
        parts = self._table.query_all("pk = :pk", {"pk": partition_of(tier_id)})
        return sum(part["identities"] for part in parts)

    def add(self, tier: Tier, *, now: datetime) -> None:
        """1 transaction (36 WCU).  Raises `TierNameAlreadyExists`."""
        # Identities may be queued for deletion before anybody has set up the tier for them.
        start = "SET #identities = if_not_exists(#identities, :none), #queued = if_not_exists(#queued, :none)"
        parts = (self._table.updating(part, start, {"none": 0}) for part in all_parts(partition_of(tier.id)))
        try:
            transact([*(self._table.putting(item, condition=_NEW) for item in tier_items(tier, now)), *parts])
        except TransactionFailed:
            raise TierNameAlreadyExists from None  # or the id, which is random

    def set_up(self, *, now: datetime) -> None:
        """Add the tiers every Backbone has, where they are missing.  1 query; `add` for each that is missing."""
        names = {tier.name for tier in self.all()}
        for tier in fixed_tiers():
            if tier.name not in names:
                try:
                    self.add(tier, now=now)
                except TierNameAlreadyExists:
                    continue  # somebody else has just done it

    def delete(self, tier_id: TierId) -> None:
        """1 batch read (17 RCU), 1 transaction (36 WCU).

        Raises `RecordNotFound`, or what `Tier.check_deletable` raises, also when somebody has just begun to use it.
        """
        for _ in range(_ATTEMPTS):
            tier, *parts = batch_get(
                (self._table, readmodel.key(tier_id)),
                *((self._table, part) for part in all_parts(partition_of(tier_id))),
            )
            if tier is None:
                raise RecordNotFound("Tier")
            found = _in_use(tier, [part for part in parts if part])
            found.tier.check_deletable(found)
            if self._delete(found.tier, [part for part in parts if part]):
                return
        raise RuntimeError("the tier changes faster than it can be deleted")

    def _delete(self, tier: Tier, parts: list[Item]) -> bool:
        unused = {"none": 0}
        writes = [
            self._table.deleting(readmodel.key(tier.id), condition="#clients = :none", values=unused),
            self._table.deleting(name_key(tier.name)),
            *(
                self._table.deleting(
                    {"pk": part["pk"], "sk": part["sk"]},
                    condition="#identities = :identities AND #queued = :queued",
                    values={"identities": part["identities"], "queued": part["queued"]},
                )
                for part in parts
            ),
        ]
        try:
            transact(writes)
        except TransactionFailed:
            return False
        return True

    # Identities -------------------------------------------------------------------------------------------------------

    def assign(self, address: Address, tier_id: TierId, *, now: datetime) -> None:
        """Move an identity to another tier.  1 batch read (2 RCU), 1 transaction (6 WCU).

        Raises `RecordNotFound`, or what `check_assignment` raises.
        """
        for _ in range(_ATTEMPTS):
            item, tier = batch_get(
                (self._table, identity_key(address)),
                (self._table, readmodel.key(tier_id)),
            )
            if item is None or tier is None:
                raise RecordNotFound("Identity" if item is None else "Tier")
            before = identity_of(item)
            check_assignment(before.tier_id, tier_id)
            if self._assign(before, tier_id, now):
                return
        raise RuntimeError("the identity changes faster than its tier can be changed")

    def _assign(self, before: Identity, tier_id: TierId, now: datetime) -> bool:
        changed = TierOfIdentityChanged(
            identity_address=before.address, old_tier_id=before.tier_id, new_tier_id=tier_id, changed_at=now
        )
        writes = [
            self._table.updating(
                identity_key(before.address),
                "SET #tierId = :new, #events = :events",
                {"new": tier_id, "old": before.tier_id, "events": carried([changed], now)},
                condition="#tierId = :old",
            ),
            *self.moving(before, replace(before, tier_id=tier_id)),
        ]
        try:
            transact(writes)
        except TransactionFailed:
            return False
        return True

    # Parts of others' transactions ------------------------------------------------------------------------------------

    def moving(self, before: Identity | None, after: Identity | None) -> list[Write]:
        """The part of a transaction that counts an identity where it belongs (2 WCU per tier that gains or loses it).

        `before` None: it is new; `after` None: it is gone.  It fails when the identity would come into a tier that has
        been deleted.
        """
        identities, queued = _tiers_of(after), _tiers_before_deletion_of(after)
        identities.subtract(_tiers_of(before))
        queued.subtract(_tiers_before_deletion_of(before))
        return [
            self._changing(tier_id, identities[tier_id], queued[tier_id])
            for tier_id in sorted(identities.keys() | queued.keys())
            if identities[tier_id] or queued[tier_id]
        ]

    def _changing(self, tier_id: TierId, identities: int, queued: int) -> Write:
        part = any_part(partition_of(tier_id))
        changes = {"identities": identities, "queued": queued}
        # An identity that leaves a tier, or comes back to it, has kept it from being deleted.
        may_be_gone = identities > 0 and queued == 0 and tier_id != QUEUED_FOR_DELETION_TIER
        exists = "attribute_exists(pk)" if may_be_gone else None
        return self._table.updating(part, "ADD #identities :identities, #queued :queued", changes, condition=exists)

    def becoming_default(self, tier_id: TierId) -> Write:
        """The part of a transaction in which a client takes this tier (2 WCU).  It fails when there is no such tier."""
        return self._counting_clients(tier_id, 1)

    def no_longer_default(self, tier_id: TierId) -> Write:
        """The part of a transaction in which a client leaves this tier (2 WCU)."""
        return self._counting_clients(tier_id, -1)

    def _counting_clients(self, tier_id: TierId, change: int) -> Write:
        key, exists = readmodel.key(tier_id), "attribute_exists(pk)"
        return self._table.updating(key, "ADD #clients :change", {"change": change}, condition=exists)


def _tiers_of(identity: Identity | None) -> Counter[TierId]:
    return Counter([identity.tier_id] if identity else [])


def _tiers_before_deletion_of(identity: Identity | None) -> Counter[TierId]:
    return Counter([identity.tier_id_before_deletion] if identity and identity.tier_id_before_deletion else [])


def _in_use(item: Item, parts: list[Item]) -> TierInUse:
    return TierInUse(
        tier=Tier(TierId(item["sk"]), item["name"]),
        clients=item["clients"],
        identities=sum(part["identities"] for part in parts),
        queued=sum(part["queued"] for part in parts),
    )
