"""Where feature flags are kept."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from backbone import clock
from backbone.addresses import Address
from backbone.dynamodb import Item, Key, Table, TransactionFailed, batch_get, transact
from backbone.errors import RecordNotFound
from backbone.events import carried
from backbone.events.devices import FeatureFlagsOfIdentityChanged
from backbone.readmodels import relationships
from backbone.readmodels.relationships import RelationshipView
from backbone.settings import settings
from functions.devices.feature_flags import FeatureFlags
from functions.devices.items import identity_key

_ATTEMPTS = 10
_IDENTITY = 0


def flags_key(address: str) -> Key:
    """The flags of an identity, apart from it: they may have 200 KB, which nobody else wants to read."""
    return {"pk": f"FLAGS#{address}", "sk": "F"}


class FeatureFlagsStore:
    """Feature flags in table `devices`: pk = `FLAGS#<address>`, sk = `F`; all flags of an identity as one JSON text.

    `changedAt` differs after every change and is the lock.  The item carries events.
    """

    @property
    def _table(self) -> Table:
        return Table(settings().devices_table)

    def change(self, address: Address, decide: Callable[[FeatureFlags], FeatureFlags]) -> None:
        """Read, decide, write; a lost race decides again on the new state.

        1 batch read (2 RCU, more if the flags have more than 4 KB), 1 transaction (4 WCU, 2 per further KB).  Raises
        `RecordNotFound` without identity.
        """
        for _ in range(_ATTEMPTS):
            identity, item = batch_get((self._table, identity_key(address)), (self._table, flags_key(address)))
            if identity is None:
                raise RecordNotFound("Identity")
            before = _flags_of(item)
            if self._write(address, before, decide(before)):
                return
        raise RuntimeError("feature flags change faster than they can be set")

    def _write(self, address: Address, before: FeatureFlags, after: FeatureFlags) -> bool:
        changed_at = after.changed_at or clock.now()
        event = FeatureFlagsOfIdentityChanged(identity_address=address, changed_at=changed_at)
        item = {
            **flags_key(address),
            "flags": json.dumps(dict(after.flags), separators=(",", ":"), ensure_ascii=False),
            "changedAt": clock.render(changed_at),
            "events": carried([event], changed_at),
        }
        condition, values = "attribute_not_exists(pk)", dict[str, Any]()
        if before.changed_at:
            condition, values = "#changedAt = :seen", {"seen": clock.render(before.changed_at)}
        # Nothing is kept of an identity that is being deleted, else it would stay.
        deleting = {"deleting": "Deleting"}
        identity_stays = "attribute_exists(pk) AND #status <> :deleting"
        try:
            transact(
                [
                    self._table.checking(identity_key(address), identity_stays, deleting),
                    self._table.putting(item, condition=condition, values=values),
                ]
            )
        except TransactionFailed as lost:
            if _IDENTITY in lost.failed:
                raise RecordNotFound("Identity") from None
            return False
        return True

    def of(self, address: Address, reader: Address, *, now: datetime) -> FeatureFlags:
        """1 batch read of flags and pair (2 RCU); for those without relationship 2 more reads of their acquaintance.

        Raises `RecordNotFound` for strangers.
        """
        if reader == address:
            return _flags_of(self._table.get(flags_key(address)))
        item, pair = batch_get(
            (self._table, flags_key(address)), (relationships.table(), relationships.pair_key(address, reader))
        )
        has_relationship = RelationshipView.of_pair(pair, now) is not None
        if not has_relationship and not relationships.has_allocated_template_of(address, reader, now):
            raise RecordNotFound("Identity")
        return _flags_of(item)


def _flags_of(item: Item | None) -> FeatureFlags:
    return FeatureFlags(json.loads(item["flags"]), clock.parse(item["changedAt"])) if item else FeatureFlags({})
