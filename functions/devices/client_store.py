"""Where OAuth clients are kept, and how many identities each of them has created."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from backbone import clock
from backbone.dynamodb import ConditionFailed, Item, Key, Table, TransactionFailed, Write, transact
from backbone.errors import RecordNotFound
from backbone.ids import TierId
from backbone.settings import settings
from functions.devices.errors import (
    ClientIdAlreadyExists,
    DefaultTierDoesNotExist,
    MaxIdentitiesLessThanCurrentIdentities,
    TierIdInvalidOrDoesNotExist,
)
from functions.devices.identity_counts import all_parts, any_part
from functions.devices.oauth_clients import MAX_CLIENT_ID_LENGTH, Client, ClientWithCount
from functions.devices.tier_store import TierStore

_DIRECTORY = "CLIENTS"
_EXISTS = "attribute_exists(#secretHash)"
_AS_ONE, _IN_PARTS = "attribute_exists(#countedAsOne)", "attribute_not_exists(#countedAsOne)"
_OPEN = "attribute_exists(pk) AND attribute_not_exists(#closed)"
_ATTEMPTS = 10
"""Every lost race means that somebody else has changed the client; nobody does so ten times."""
_RECORD = "OAuthClient"


def client_key(client_id: str) -> Key | None:
    """The item of a client; None for an id that no client can have."""
    return {"pk": partition_of(client_id), "sk": "C"} if 0 < len(client_id) <= MAX_CLIENT_ID_LENGTH else None


def partition_of(client_id: str) -> str:
    """The partition of a client and of the parts of its count."""
    return f"CLIENT#{client_id}"


def client_of(item: Item | None) -> Client | None:
    """The client an item holds; None when there is no item, or nothing but the count of a deleted client."""
    if item is None or "secretHash" not in item:
        return None
    return Client(
        client_id=item["pk"].removeprefix(partition_of("")),
        secret_hash=item["secretHash"],
        display_name=item["displayName"],
        default_tier=TierId(item["defaultTier"]),
        max_identities=item.get("maxIdentities"),
        identities=item["identities"],
        created_at=clock.parse(item["createdAt"]),
        without_parts="countedAsOne" in item and "maxIdentities" not in item,
    )


def client_item(client: Client) -> dict[str, Any]:
    """A client's attributes, without its count."""
    limit = {} if client.max_identities is None else {"maxIdentities": client.max_identities, "countedAsOne": True}
    return {
        "secretHash": client.secret_hash,
        "displayName": client.display_name,
        "defaultTier": client.default_tier,
        "createdAt": clock.render(client.created_at),
        **limit,
    }


def directory_key(client_id: str) -> Key:
    """The entry of a client in the list of all."""
    return {"pk": _DIRECTORY, "sk": client_id}


@dataclass(frozen=True, slots=True)
class _Partition:
    """What is stored under a client id: the client, or what is left of it, and the parts of its count."""

    item: Item
    parts: list[Item]

    @property
    def in_parts(self) -> int:
        return sum(part["identities"] for part in self.parts)

    @property
    def identities(self) -> int:
        return int(self.item["identities"]) + self.in_parts


class ClientStore:
    """Clients in table `devices`.

    client     pk = `CLIENT#<client id>`, sk = `C`.  When it is `countedAsOne`, its `identities` is what registrations
               add to, so that a limit is a condition on this item; else it is what was added before
    count      pk = `CLIENT#<client id>`, sk = `N#<0 … 15>`: `identities`, for registrations of a client without limit.
               To a part that is `closed`, or missing, nobody adds any more
    directory  pk = `CLIENTS`, sk = `<client id>`: which clients there are

    Who gives a client a limit first has all registrations counted as one, which closes the parts, and then, in one
    transaction, takes the parts away, adds them up, and sets the limit on the condition that the sum fits.  What is
    left of a deleted client is its count: its identities stay, and a new client of its id inherits them, as in the
    reference, which counts the identities themselves.
    """

    def __init__(self) -> None:
        self._tiers = TierStore()

    @property
    def _table(self) -> Table:
        return Table(settings().devices_table)

    # Reading ----------------------------------------------------------------------------------------------------------

    def get(self, client_id: str) -> Client | None:
        """1 read (1 RCU)."""
        key = client_key(client_id)
        return client_of(self._table.get(key)) if key else None

    def get_with_count(self, client_id: str) -> ClientWithCount:
        """1 query of the client's partition (1 RCU).  Raises `RecordNotFound`."""
        client, stored = self._existing(client_id)
        return ClientWithCount(client, stored.identities)

    def all(self) -> list[ClientWithCount]:
        """1 query of the directory (1 RCU per some 80 clients), 1 per client (1 RCU); in the order of their ids."""
        found = []
        for entry in self._table.query_all("pk = :pk", {"pk": _DIRECTORY}):
            stored = self._stored(entry["sk"])
            client = client_of(stored.item) if stored else None
            if stored and client:
                found.append(ClientWithCount(client, stored.identities))
        return found

    def count_identities(self, client_id: str) -> int:
        """How many identities were created with a client, also if it is deleted.  1 query (1 RCU)."""
        stored = self._stored(client_id)
        return stored.identities if stored else 0

    def _stored(self, client_id: str) -> _Partition | None:
        if client_key(client_id) is None:
            return None
        item, *parts = [*self._table.query_all("pk = :pk", {"pk": partition_of(client_id)})] or [{}]
        return _Partition(item, parts) if item.get("sk") == "C" else None

    def _existing(self, client_id: str) -> tuple[Client, _Partition]:
        stored = self._stored(client_id)
        client = client_of(stored.item) if stored else None
        if stored is None or client is None:
            raise RecordNotFound(_RECORD)
        return client, stored

    # Changing ---------------------------------------------------------------------------------------------------------

    def add(self, client: Client) -> None:
        """1 query (1 RCU), 1 transaction (38 WCU; with a limit 6).

        Raises `ClientIdAlreadyExists` or `DefaultTierDoesNotExist`.
        """
        for _ in range(_ATTEMPTS):
            left = self._stored(client.client_id)
            if left and client_of(left.item):
                raise ClientIdAlreadyExists
            writes = [
                self._putting(client, left),
                self._tiers.becoming_default(client.default_tier),
                self._table.putting(directory_key(client.client_id)),
                *(self._opening(client.client_id) if client.max_identities is None else self._removing(left)),
            ]
            try:
                transact(writes)
                return
            except TransactionFailed as lost:
                if 1 in lost.failed:
                    raise DefaultTierDoesNotExist from None
        raise RuntimeError("the client changes faster than it can be created")

    def _putting(self, client: Client, left: _Partition | None) -> Write:
        is_limited = client.max_identities is not None
        assigned = client_item(client)
        setting = ", ".join(f"#{name} = :{name}" for name in assigned)
        expression = f"SET {setting}, #identities = if_not_exists(#identities, :none) + :inherited"
        values = {**assigned, "none": 0, "inherited": left.in_parts if left and is_limited else 0}
        if not is_limited:
            expression += " REMOVE #countedAsOne"
        return self._updating(client.client_id, expression, values, "attribute_not_exists(#secretHash)")

    def set_secret(self, client_id: str, secret_hash: str) -> Client:
        """1 write (1 WCU).  Raises `RecordNotFound`."""
        key = client_key(client_id)
        if key is None:
            raise RecordNotFound(_RECORD)
        try:
            item = self._table.update(key, "SET #secretHash = :new", {"new": secret_hash}, condition=_EXISTS)
        except ConditionFailed:
            raise RecordNotFound(_RECORD) from None
        client = client_of(item)
        assert client is not None
        return client

    def update(self, client_id: str, default_tier: str, max_identities: int | None) -> Client:
        """Replace default tier and limit; the client as it is then.

        1 query, 1 read of the tier (2 RCU), 1 transaction (2 WCU, with another tier 6).  A first limit costs the same
        reads and a transaction (34 WCU) before it and 32 WCU more, no limit any more 32 WCU more.  However many
        registrations come meanwhile, there are never more identities than the limit.  Raises `RecordNotFound`,
        `TierIdInvalidOrDoesNotExist` or `MaxIdentitiesLessThanCurrentIdentities`.
        """
        for _ in range(_ATTEMPTS):
            client, stored = self._existing(client_id)
            tier = self._tiers.get(default_tier)
            is_too_low = max_identities is not None and max_identities < stored.identities
            if tier is None or is_too_low:
                if client.without_parts:
                    self._count_in_parts(client_id)  # a limit was wanted that it does not get
                raise MaxIdentitiesLessThanCurrentIdentities if tier else TierIdInvalidOrDoesNotExist
            if max_identities is not None and not client.counts_as_one:
                self._count_as_one(client_id)
            elif self._replace(client, stored, tier.id, max_identities):
                return replace(client, default_tier=tier.id, max_identities=max_identities, without_parts=False)
        raise RuntimeError("the client changes faster than it can be updated")

    def _replace(self, client: Client, stored: _Partition, tier_id: TierId, max_identities: int | None) -> bool:
        values: dict[str, Any] = {"tier": tier_id, "old": client.default_tier}
        setting, condition = "SET #defaultTier = :tier", f"{_EXISTS} AND #defaultTier = :old"
        parts: Iterable[Write] = ()
        if max_identities is not None:
            room = max_identities - stored.in_parts
            values.update({"maximum": max_identities, "sum": stored.in_parts, "room": room})
            setting += ", #maxIdentities = :maximum ADD #identities :sum"
            condition += f" AND {_AS_ONE} AND #identities <= :room"
            parts = self._removing(stored)
        elif client.counts_as_one:
            setting += " REMOVE #maxIdentities, #countedAsOne"
            condition += f" AND {_AS_ONE}"
            parts = self._opening(client.client_id)
        else:
            condition += f" AND {_IN_PARTS}"
        writes = [self._updating(client.client_id, setting, values, condition), *parts]
        if tier_id != client.default_tier:
            writes += [self._tiers.becoming_default(tier_id), self._tiers.no_longer_default(client.default_tier)]
        return _succeeds(writes)

    def delete(self, client_id: str) -> None:
        """2 queries (2 RCU), 2 transactions (38 + 36 WCU; with a limit 6 + 2).  Raises `RecordNotFound`.

        From the first transaction on nobody logs in or registers with the client; the second one tidies up.
        """
        forgetting = "REMOVE #secretHash, #displayName, #defaultTier, #maxIdentities, #createdAt"
        for _ in range(_ATTEMPTS):
            client, _stored = self._existing(client_id)
            values = {"true": True, "old": client.default_tier}
            condition = f"{_EXISTS} AND #defaultTier = :old AND {_AS_ONE if client.counts_as_one else _IN_PARTS}"
            writes = [
                self._updating(client_id, f"SET #countedAsOne = :true {forgetting}", values, condition),
                self._table.deleting(directory_key(client_id)),
                self._tiers.no_longer_default(client.default_tier),
                *([] if client.counts_as_one else self._closing(client_id)),
            ]
            if _succeeds(writes):
                self._tidy_up(client_id)
                return
        raise RuntimeError("the client changes faster than it can be deleted")

    def _tidy_up(self, client_id: str) -> None:
        """Leave one item of a deleted client, or none.  If it does not happen, the count is in several."""
        stored = self._stored(client_id)
        if stored is None or client_of(stored.item):
            return
        gone, same = "attribute_not_exists(#secretHash)", {"same": stored.item["identities"]}
        if stored.identities:
            rest = self._updating(client_id, "ADD #identities :sum", {"sum": stored.in_parts}, gone)
        else:
            key = {"pk": stored.item["pk"], "sk": stored.item["sk"]}
            rest = self._table.deleting(key, condition=f"{gone} AND #identities = :same", values=same)
        _succeeds([rest, *self._removing(stored)])

    # How identities are counted ---------------------------------------------------------------------------------------

    def counting_identity(self, client: Client) -> Write:
        """The part of a transaction that counts one more identity (2 WCU).

        It fails once the limit is reached, and when the client has been deleted or its parts are closed.
        """
        if not client.counts_as_one:
            part = any_part(partition_of(client.client_id))
            return self._table.updating(part, "ADD #identities :one", {"one": 1}, condition=_OPEN)
        below = "(attribute_not_exists(#maxIdentities) OR #identities < #maxIdentities)"
        return self._updating(client.client_id, "ADD #identities :one", {"one": 1}, f"{_EXISTS} AND {below}")

    def uncounting_identity(self, client_id: str) -> list[Write]:
        """The part of a transaction that counts one identity less, the counterpart of `counting_identity`.

        1 read (1 RCU) of the client; 2 WCU, or none when there is nothing left of it.
        """
        key = client_key(client_id)
        item = self._table.get(key) if key else None
        if item is None:
            return []
        if "countedAsOne" in item:
            return [self._updating(client_id, "ADD #identities :one", {"one": -1}, _AS_ONE)]
        part = any_part(partition_of(client_id))
        return [self._table.updating(part, "ADD #identities :one", {"one": -1}, condition=_OPEN)]

    def _count_as_one(self, client_id: str) -> None:
        condition = f"{_EXISTS} AND {_IN_PARTS}"
        _succeeds(
            [
                self._updating(client_id, "SET #countedAsOne = :true", {"true": True}, condition),
                *self._closing(client_id),
            ]
        )

    def _count_in_parts(self, client_id: str) -> None:
        condition = f"{_EXISTS} AND {_AS_ONE} AND attribute_not_exists(#maxIdentities)"
        _succeeds([self._updating(client_id, "REMOVE #countedAsOne", None, condition), *self._opening(client_id)])

    def _opening(self, client_id: str) -> list[Write]:
        expression = "SET #identities = if_not_exists(#identities, :none) REMOVE #closed"
        return [self._table.updating(part, expression, {"none": 0}) for part in all_parts(partition_of(client_id))]

    def _closing(self, client_id: str) -> list[Write]:
        closed = {"true": True}
        return [
            self._table.updating(part, "SET #closed = :true", closed) for part in all_parts(partition_of(client_id))
        ]

    def _removing(self, stored: _Partition | None) -> list[Write]:
        """Parts that are closed, so that nobody but another remover changes them."""
        return [
            self._table.deleting(
                {"pk": part["pk"], "sk": part["sk"]},
                condition="attribute_exists(#closed) AND #identities = :identities",
                values={"identities": part["identities"]},
            )
            for part in (stored.parts if stored else ())
        ]

    def _updating(self, client_id: str, expression: str, values: dict[str, Any] | None, condition: str) -> Write:
        key = client_key(client_id)
        if key is None:
            raise ValueError(f"a client id has 1 to {MAX_CLIENT_ID_LENGTH} characters")
        return self._table.updating(key, expression, values, condition=condition)


def _succeeds(writes: list[Write]) -> bool:
    try:
        transact(writes)
    except TransactionFailed:
        return False
    return True
