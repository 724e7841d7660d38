"""Where relationship templates and their allocations are kept."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from backbone import clock, payloads
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.dynamodb import (
    ConditionFailed,
    Item,
    Key,
    Table,
    TransactionFailed,
    Write,
    batch_get,
    transact,
)
from backbone.errors import RecordNotFound
from backbone.events import carried, farewell
from backbone.events.relationships import RelationshipTemplateCreated, RelationshipTemplateRemoved
from backbone.ids import DeviceId, RelationshipId, RelationshipTemplateId
from backbone.quotas import Allowance
from backbone.readmodels.relationships import relationship_key, table
from functions.relationships import templates_domain
from functions.relationships.items import OTHER_PARTY, PARTY
from functions.relationships.templates_domain import Allocation, RelationshipTemplate, Viewer

_ALLOCATE_ATTEMPTS = 3
"""A limited template has three regimes: free, last slot, exhausted.  Each lost race moves on to the next."""
_EXISTS = "attribute_exists(pk) AND attribute_not_exists(deletedAt)"
_IS_NEW = "attribute_not_exists(pk)"


TEMPLATE = "T"
"""The sort key of a template."""


def _template_key(template_id: str) -> Key:
    return {"pk": template_id, "sk": TEMPLATE}


def _counter_key(template_id: str) -> Key:
    return {"pk": template_id, "sk": "N"}


def _allocation_key(template_id: str, address: str) -> Key:
    return {"pk": template_id, "sk": f"A#{address}"}


@dataclass(frozen=True, slots=True)
class FoundTemplate:
    """A template, how the caller stands to it, and access to its content."""

    template: RelationshipTemplate
    viewer: Viewer
    _item: Item

    def content(self) -> bytes:
        """The opaque content; a call to S3 when it is large."""
        return payloads.load(self._item, "content") or b""


class TemplateStore:
    """Table `relationships`.

    ==========  =====  ==============  ==============================================================================
    item        pk     sk
    ==========  =====  ==============  ==============================================================================
    template    RLT…   `T`             everything about it; `used` once a relationship was created with it (if it
                                       expires); `deletedAt` while it is being deleted
    allocation  RLT…   `A#<address>`   allocatedBy, allocatedByDevice, allocatedAt; `relationships`: the ids of those
                                       that this identity created with the template
    counter     RLT…   `N`             allocations: how many there are; for limited templates, once there is one
    ==========  =====  ==============  ==============================================================================

    `ttl` of all is 30 days after the expiry; the first relationship takes it from the template and from its creator's
    allocation, because participants may fetch the template for as long as the relationship is stored.
    """

    @property
    def _table(self) -> Table:
        return table()

    def add(
        self,
        template: RelationshipTemplate,
        content: bytes,
        event: RelationshipTemplateCreated,
        allowance: Allowance,
    ) -> None:
        """1 transaction of template and count (2 WCU per KB, 2 for the count, 1 per index; content above the threshold:
        1 PUT to S3 before it).  Raises `QuotaExhausted`."""
        allowance.check()
        removed = RelationshipTemplateRemoved(
            template_id=template.id, created_by=template.created_by, created_at=template.created_at
        )
        item = {
            **_template_key(template.id),
            "createdBy": template.created_by,
            PARTY: template.created_by,
            "createdByDevice": template.created_by_device,
            "createdAt": clock.render(template.created_at),
            "maxNumberOfAllocations": template.max_number_of_allocations,
            "expiresAt": clock.render(template.expires_at) if template.expires_at else None,
            "forIdentity": template.for_identity,
            OTHER_PARTY: template.for_identity,
            "password": template.password,
            "ttl": _ttl(template),
            "events": carried([event], template.created_at),
            "onRemoval": farewell(removed),
            **payloads.attributes("relationships", template.id, content=content),
        }
        writing = self._table.putting(item, condition=_IS_NEW)
        allowance.spend([writing], now=template.created_at)
        payloads.settle([writing])

    def find(self, template_id: RelationshipTemplateId, address: Address) -> FoundTemplate:
        """1 batch read of template and own allocation (2 RCU).  Raises `RecordNotFound` when there is no template."""
        found = self.find_all([template_id], address)
        if not found:
            raise RecordNotFound("RelationshipTemplate")
        return found[0]

    def find_all(self, template_ids: Iterable[RelationshipTemplateId], address: Address) -> list[FoundTemplate]:
        """Those that exist.  1 batch read per 50 (2 RCU each)."""
        distinct = list(dict.fromkeys(template_ids))
        keys = [key for id in distinct for key in (_template_key(id), _allocation_key(id, address))]
        items = batch_get(*((self._table, key) for key in keys))
        pairs = zip(items[::2], items[1::2], strict=True)
        return [_found(item, allocation, address) for item, allocation in pairs if item is not None]

    def allocate(self, template: RelationshipTemplate, caller: Caller, *, now: datetime) -> None:
        """Give the caller an allocation.

        Unlimited: 1 write (1 WCU).  Limited: 1 transaction (4 WCU), and a second one for whoever takes the last of
        several slots.  Raises `AllocationsExhausted`.  Another device of the caller may win the race: that is as good.

        Nothing here is tied to the template's existence: an allocation of a template that is gone is never looked at.
        """
        maximum = template.max_number_of_allocations
        taken = 0  # the counter is not read: a failed condition tells
        for _ in range(_ALLOCATE_ATTEMPTS):
            allocation = templates_domain.allocate(template, caller, taken=taken, now=now)
            item = _allocation_item(allocation, template)
            if maximum is None:
                with suppress(ConditionFailed):
                    self._table.put(item, condition=_IS_NEW)
                return
            try:
                transact([self._table.putting(item, condition=_IS_NEW), self._counting(allocation, template, maximum)])
            except TransactionFailed as lost:
                if 0 in lost.failed:
                    return
                taken = (lost.failed[1] or {"allocations": 0})["allocations"]
            else:
                return
        raise templates_domain.AllocationsExhausted

    def _counting(self, allocation: Allocation, template: RelationshipTemplate, maximum: int) -> Write:
        """Count the allocation; whoever takes the last slot carries the event, hence exactly once (§4.2 step 4)."""
        events = carried([allocation.exhausts] if allocation.exhausts else [], allocation.allocated_at)
        set_values = {name: value for name, value in (("events", events), ("ttl", _ttl(template))) if value is not None}
        assignments = ", ".join(f"#{name} = :{name}" for name in set_values)
        expression = f"ADD allocations :one SET {assignments}" if set_values else "ADD allocations :one"
        values = {"one": 1, "before_last": maximum - 1, **set_values}
        # A counter that is not there yet counts as 0.
        condition = "allocations = :before_last" if events else "allocations < :before_last"
        if maximum == 1 or not events:
            condition += " OR attribute_not_exists(allocations)"
        return self._table.updating(_counter_key(template.id), expression, values, condition=condition)

    def using(
        self, template: RelationshipTemplate, user: Address, relationship_id: RelationshipId, *, now: datetime
    ) -> list[Write]:
        """The part of a new relationship's transaction that ties it to the template (2 WCU).

        The first one also frees an expiring template from housekeeping (2 WCU per KB of it), and so does each after its
        expiry (`unused_templates_store.py`).  Fails when the template has been deleted meanwhile: deletion takes the
        allocations away.
        """
        writes = [
            self._table.updating(
                _allocation_key(template.id, user),
                "ADD relationships :ids REMOVE #ttl",
                {"ids": {relationship_id}},
                condition="attribute_exists(pk)",
            )
        ]
        if template.expires_at is not None and (not template.is_used or template.expires_at <= now):
            writes.append(
                self._table.updating(
                    _template_key(template.id),
                    "SET #used = :true REMOVE #ttl, #events",
                    {"true": True},
                    condition=_EXISTS,
                )
            )
        return writes

    def delete(self, template_id: RelationshipTemplateId, *, now: datetime) -> None:
        """Remove a template and its allocations; its relationships forget it (§4.4).

        Marks the template (from now on nobody sees or uses it), then takes the allocations one by one and
        makes the relationships found on them forget the template, then removes the template.  Repeating it finishes
        what broke off.  2 writes, 1 query per 1 MB of allocations, 1 write per allocation, 1 per relationship.
        """
        key = _template_key(template_id)
        try:
            marked = self._table.update(
                key, "SET deletedAt = :now REMOVE #events", {"now": clock.render(now)}, condition="attribute_exists(pk)"
            )
        except ConditionFailed:
            raise RecordNotFound("RelationshipTemplate") from None
        allocations = self._table.query_all(
            "pk = :pk AND begins_with(sk, :allocation)", {"pk": template_id, "allocation": "A#"}
        )
        for allocation in allocations:
            self.withdraw(allocation)
        if "maxNumberOfAllocations" in marked:
            self._table.delete(_counter_key(template_id))
        self._table.delete(key)

    def checking_existence(self, template_id: str) -> Write:
        """The part of a transaction that fails when the template does not exist or is being deleted (2 WCU)."""
        return self._table.checking(_template_key(template_id), _EXISTS)

    def withdraw(self, allocation: Item) -> None:
        """Remove an allocation, but only once all relationships created with it have forgotten the template."""
        remaining: Item | None = allocation
        while remaining is not None:
            relationships = remaining.get("relationships")
            for relationship_id in sorted(relationships or ()):
                self._forget(relationship_id)
            key = {"pk": allocation["pk"], "sk": allocation["sk"]}
            try:
                if relationships is None:
                    self._table.delete(key, condition="attribute_not_exists(relationships)")
                else:
                    self._table.delete(key, condition="relationships = :seen", values={"seen": relationships})
            except ConditionFailed as changed:
                remaining = changed.item  # one more relationship has been created with it
            else:
                remaining = None

    def _forget(self, relationship_id: str) -> None:
        key = relationship_key(relationship_id)
        with suppress(ConditionFailed):  # removed by housekeeping
            self._table.update(key, "REMOVE templateId, #events", condition="attribute_exists(pk)")


def _ttl(template: RelationshipTemplate) -> int | None:
    return clock.epoch_seconds(template.disposable_at) if template.disposable_at else None


def _allocation_item(allocation: Allocation, template: RelationshipTemplate) -> Item:
    return {
        **_allocation_key(allocation.template_id, allocation.allocated_by),
        "allocatedBy": allocation.allocated_by,
        PARTY: allocation.allocated_by,
        "templateCreatedBy": template.created_by,
        "allocatedByDevice": allocation.allocated_by_device,
        "allocatedAt": clock.render(allocation.allocated_at),
        "ttl": _ttl(template),
    }


def _found(item: Item, allocation: Item | None, address: Address) -> FoundTemplate:
    template = _template(item)
    is_owner = address == template.created_by
    viewer = Viewer(
        address=address,
        has_allocation=allocation is not None,
        # The owner takes part in every relationship that was created with the template.
        has_relationship=template.is_used if is_owner else "relationships" in (allocation or {}),
    )
    return FoundTemplate(template, viewer, item)


def _template(item: Item) -> RelationshipTemplate:
    return RelationshipTemplate(
        id=RelationshipTemplateId(item["pk"]),
        created_by=Address(item["createdBy"]),
        created_by_device=DeviceId(item["createdByDevice"]),
        created_at=clock.parse(item["createdAt"]),
        max_number_of_allocations=item.get("maxNumberOfAllocations"),
        expires_at=clock.parse(item["expiresAt"]) if "expiresAt" in item else None,
        for_identity=Address(item["forIdentity"]) if "forIdentity" in item else None,
        password=item.get("password"),
        is_used=item.get("used", False),
        is_being_deleted="deletedAt" in item,
    )
