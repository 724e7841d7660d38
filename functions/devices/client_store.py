"""Where clients and tiers are kept."""

import random
from datetime import datetime
from typing import Any

from backbone import clock
from backbone.dynamodb import ConditionFailed, Item, Key, Table, TransactionFailed, Write, batch_get, transact
from backbone.events import carried
from backbone.events.devices import TierCreated
from backbone.ids import TierId
from backbone.settings import settings
from functions.devices.oauth_clients import MAX_CLIENT_ID_LENGTH, Client, Tier

_NEW = "attribute_not_exists(pk)"
COUNTERS_PER_CLIENT = 16
"""Parts of the count of an unlimited client's identities.  Every registration adds to one part in its transaction; one
part for all would make the registrations of a popular app wait for each other."""


def client_key(client_id: str) -> Key | None:
    """The item of a client; None for an id that no client can have."""
    return {"pk": f"CLIENT#{client_id}", "sk": "C"} if 0 < len(client_id) <= MAX_CLIENT_ID_LENGTH else None


def _tier_key(tier_id: str) -> Key:
    return {"pk": f"TIER#{tier_id}", "sk": "T"}


def _tier_name_key(name: str) -> Key:
    return {"pk": f"TIERNAME#{name}", "sk": "N"}


def client_of(item: Item) -> Client:
    """The client an item holds."""
    return Client(
        client_id=item["pk"].removeprefix("CLIENT#"),
        secret_hash=item["secretHash"],
        display_name=item["displayName"],
        default_tier=TierId(item["defaultTier"]),
        max_identities=item.get("maxIdentities"),
        identities=item["identities"],
        created_at=clock.parse(item["createdAt"]),
    )


class ClientStore:
    """Clients and tiers in table `devices`.

    client         pk = `CLIENT#<client id>`, sk = `C`; attribute `identities` counts those created under a limit
    client's count pk = `CLIENT#<client id>`, sk = `N#<0 … 15>`; one part of the count while there is no limit
    tier           pk = `TIER#<tier id>`, sk = `T`
    tier by name   pk = `TIERNAME#<name>`, sk = `N`
    """

    @property
    def _table(self) -> Table:
        return Table(settings().devices_table)

    def get(self, client_id: str) -> Client | None:
        """1 read (1 RCU)."""
        key = client_key(client_id)
        item = self._table.get(key) if key else None
        return client_of(item) if item else None

    def add(self, client: Client) -> bool:
        """1 write (1 WCU).  False when there is a client with this id; it is left as it is."""
        key = client_key(client.client_id)
        if key is None:
            raise ValueError(f"a client id has 1 to {MAX_CLIENT_ID_LENGTH} characters")
        item: dict[str, Any] = {
            **key,
            "secretHash": client.secret_hash,
            "displayName": client.display_name,
            "defaultTier": client.default_tier,
            "maxIdentities": client.max_identities,
            "identities": client.identities,
            "createdAt": clock.render(client.created_at),
        }
        try:
            self._table.put(item, condition=_NEW)
        except ConditionFailed:
            return False
        return True

    def counting_identity(self, client: Client) -> Write:
        """The part of a transaction that counts one more identity (2 WCU).

        With a limit it fails once the limit is reached.
        """
        if client.max_identities is not None:
            below = "attribute_exists(pk) AND (attribute_not_exists(#maxIdentities) OR #identities < #maxIdentities)"
            key = client_key(client.client_id) or {}
            return self._table.updating(key, "ADD #identities :one", {"one": 1}, condition=below)
        part = {"pk": f"CLIENT#{client.client_id}", "sk": f"N#{random.randrange(COUNTERS_PER_CLIENT)}"}
        return self._table.updating(part, "ADD #identities :one", {"one": 1})

    def uncounting_identity(self, client_id: str) -> list[Write]:
        """The part of a transaction that counts one identity less, the counterpart of `counting_identity`.

        1 read (1 RCU) of the client; 4 WCU, or none when the client is gone.
        """
        client, key = self.get(client_id), client_key(client_id)
        if client is None or key is None:
            return []
        if client.max_identities is not None:
            limited = "attribute_exists(pk) AND attribute_exists(#maxIdentities)"
            return [self._table.updating(key, "ADD #identities :one", {"one": -1}, condition=limited)]
        part = {**key, "sk": f"N#{random.randrange(COUNTERS_PER_CLIENT)}"}
        exists = self._table.checking(key, "attribute_exists(pk)")
        return [self._table.updating(part, "ADD #identities :one", {"one": -1}), exists]

    def count_identities(self, client_id: str) -> int:
        """How many identities a client has created.  1 query of its partition (at most 1 + 16 small items, 1 RCU)."""
        items = self._table.query_all("pk = :pk", {"pk": f"CLIENT#{client_id}"})
        return sum(item["identities"] for item in items)

    def find_tier(self, name_or_id: str) -> TierId | None:
        """1 round trip (1–2 RCU).  A name comes before an id."""
        by_name, by_id = batch_get(
            (self._table, _tier_name_key(name_or_id)),
            (self._table, _tier_key(name_or_id)),
        )
        if by_name:
            return TierId(by_name["tierId"])
        return TierId(name_or_id) if by_id else None

    def add_tier(self, tier: Tier, *, now: datetime) -> bool:
        """1 transaction (4 WCU).  False when id or name are taken."""
        events = carried([TierCreated(tier_id=tier.id, tier_name=tier.name)], now)
        by_id = {**_tier_key(tier.id), "name": tier.name, "events": events}
        by_name = {**_tier_name_key(tier.name), "tierId": tier.id}
        try:
            transact([self._table.putting(by_id, condition=_NEW), self._table.putting(by_name, condition=_NEW)])
        except TransactionFailed:
            return False
        return True
