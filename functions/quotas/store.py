"""How quotas are set, and how counts follow what has gone.  The keys are the layer's: `backbone.quotas.store`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from backbone import clock
from backbone.addresses import Address
from backbone.deletion import MARKS_KEPT_FOR, confirm_deletion, is_confirmed
from backbone.dynamodb import ConditionFailed, Key, Table, TransactionFailed, Write, delete_all, transact
from backbone.errors import RecordNotFound
from backbone.events.deletion import IdentityDataDeleted
from backbone.ids import IdentityDeletionProcessId, TierId
from backbone.quotas import Metric, Quota
from backbone.quotas import store as keys
from backbone.quotas.domain import fixed_quotas_of
from backbone.readmodels import identities, tiers
from functions.quotas.domain import DuplicateQuota


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What an event changes in the count of an identity: `amount` of what was created at `created_at`."""

    address: Address
    metric: Metric
    amount: int
    created_at: datetime


class QuotaStore:
    """Table `quotas`, its items as in `backbone.quotas.store`; one more, the mark of a handled event, is only here.

    ==================  ===================  ===========================================================================
    item                pk, sk
    ==================  ===================  ===========================================================================
    handled event       `SEEN#<its id>`,     ttl (30 d)
                        `S`
    ==================  ===================  ===========================================================================
    """

    @property
    def _table(self) -> Table:
        return keys.table()

    def quotas_of_tier(self, tier_id: TierId) -> tuple[Quota, ...]:
        """1 consistent read (1 RCU), none for the tier whose quotas are fixed."""
        fixed = fixed_quotas_of(tier_id)
        return keys.definitions_in(self._table.get(keys.tier_key(tier_id))) if fixed is None else fixed

    def define(self, tier_id: TierId, quota: Quota) -> None:
        """Give a tier a quota: 1 transaction with a check of the tier (4 WCU).  Takes effect within two seconds.

        Raises `DuplicateQuota`, or `RecordNotFound` when the tier has just been deleted.
        """
        name = keys.definition_attribute(quota.metric, quota.period)
        definition = self._setting(keys.tier_key(tier_id), name, quota)
        try:
            transact([tiers.check_exists(tier_id), definition])
        except TransactionFailed as lost:
            if 0 in lost.failed:
                raise RecordNotFound("Tier") from None
            raise DuplicateQuota from None

    def remove_definition(self, tier_id: TierId, definition_id: str) -> None:
        """1 consistent read, 1 write (1 RCU, 1 WCU).  Raises `RecordNotFound`."""
        key = keys.tier_key(tier_id)
        found = next((quota for quota in self.quotas_of_tier(tier_id) if quota.id == definition_id), None)
        if found is None:
            raise RecordNotFound("TierQuotaDefinition")
        try:
            self._remove(key, keys.definition_attribute(found.metric, found.period), definition_id)
        except ConditionFailed:
            raise RecordNotFound("TierQuotaDefinition") from None

    def forget_tier(self, tier_id: TierId) -> None:
        """1 write (1 WCU)."""
        self._table.delete(keys.tier_key(tier_id))

    def grant(self, address: Address, quota: Quota) -> None:
        """Give an identity a quota of its own: 1 transaction with a check of the identity (4 WCU).

        Takes effect with the next request.  Raises `DuplicateQuota`, or `RecordNotFound` when the identity has just
        gone.
        """
        name = keys.individual_quota_attribute(quota.period)
        setting = self._setting(keys.metric_key(address, quota.metric), name, quota)
        try:
            transact([identities.check_not_deleting(address), setting])
        except TransactionFailed as lost:
            if 0 in lost.failed:
                raise RecordNotFound("Identity") from None
            raise DuplicateQuota from None

    def withdraw(self, address: Address, quota_id: str) -> None:
        """1 consistent query (1 RCU: up to ten items), 1 write (1 WCU).  Raises `RecordNotFound`."""
        items = self._table.query_all("pk = :pk", {"pk": address})
        found = (quota for item in items for quota in keys.individual_quotas_in(item) if quota.id == quota_id)
        quota = next(found, None)
        if quota is None:
            raise RecordNotFound("Quota")
        key = keys.metric_key(address, quota.metric)
        try:
            self._remove(key, keys.individual_quota_attribute(quota.period), quota_id)
        except ConditionFailed:
            raise RecordNotFound("Quota") from None

    def adjust(self, event_id: str, adjustments: Sequence[Adjustment], *, now: datetime) -> None:
        """Count what an event tells, once however often it is told: 1 transaction with a mark of the event.

        4 WCU for one adjustment that takes something away, 6 for one that adds, because that needs an identity that is
        not being deleted; before, 1 read of each identity (1 RCU).  Identities of which nothing is kept any more are
        left out, and what was created by an earlier one with the same address.
        """
        ttl = clock.epoch_seconds(now + MARKS_KEPT_FOR)
        mark = self._table.putting(
            {"pk": f"SEEN#{event_id}", "sk": "S", "ttl": ttl}, condition="attribute_not_exists(pk)"
        )
        remaining = _of_this_life(adjustments)
        while remaining:
            parts = [(each, write) for each in remaining for write in self._adjusting(each, now)]
            try:
                transact([mark, *(write for _, write in parts)])
            except TransactionFailed as lost:
                if 0 in lost.failed:
                    return
                gone = [parts[position - 1][0] for position in lost.failed]
                remaining = [each for each in remaining if each not in gone]
            else:
                return

    def _adjusting(self, adjustment: Adjustment, now: datetime) -> list[Write]:
        count = keys.counting(
            adjustment.address,
            adjustment.metric,
            adjustment.amount,
            now=now,
            created_at=adjustment.created_at,
            only_if_known=adjustment.amount < 0,
        )
        return [count] if adjustment.amount < 0 else [identities.check_not_deleting(adjustment.address), count]

    def forget_identity(self, address: Address) -> int:
        """Its quotas and counts; how many items there were.  1 query (1 RCU), 1 call (1 WCU each, up to ten).

        Nothing comes back: an identity that is being deleted is not counted, and only what is there is reduced.
        """
        items = self._table.query_all("pk = :pk", {"pk": address})
        return delete_all(self._table, ({"pk": item["pk"], "sk": item["sk"]} for item in items))

    def has_confirmed(self, deletion_process_id: IdentityDeletionProcessId) -> bool:
        """1 read (1 RCU)."""
        return is_confirmed(self._table, deletion_process_id)

    def confirm(self, deleted: IdentityDataDeleted, *, now: datetime) -> None:
        """1 write (1 WCU).  pk = `DELETED#<process id>`, sk = `DELETED`; TTL a month."""
        confirm_deletion(self._table, deleted, now=now)

    def _setting(self, key: Key, name: str, quota: Quota) -> Write:
        return self._table.updating(
            key,
            f"SET #{name} = :quota",
            {"quota": {"id": quota.id, "max": quota.max}},
            condition=f"attribute_not_exists(#{name})",
        )

    def _remove(self, key: Key, name: str, quota_id: str) -> None:
        self._table.update(key, f"REMOVE #{name}", {"id": quota_id}, condition=f"#{name}.#id = :id")


def _of_this_life(adjustments: Sequence[Adjustment]) -> list[Adjustment]:
    """Those whose identity was there when the thing was created; who registers again with his key begins at zero."""
    began = {address: identities.life_at(address) for address in {each.address for each in adjustments}}
    return [each for each in adjustments if (life := began[each.address]) is not None and life <= each.created_at]
