"""What is true of relationship templates.  Contract: relationships.md, section 4.

A template is seen by those it is meant for, opened by those who know its password, and allocated once per identity.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from backbone.addresses import Address
from backbone.caller import Caller
from backbone.errors import BackboneError, Forbidden, InvalidPropertyValue, RecordNotFound
from backbone.events.relationships import RelationshipTemplateAllocationsExhausted, RelationshipTemplateCreated
from backbone.ids import DeviceId, RelationshipTemplateId

MAX_CONTENT_BYTES = 10 * 1024 * 1024
MAX_PASSWORD_BYTES = 200
KEPT_AFTER_EXPIRY = timedelta(days=30)
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Viewer:
    """How an identity stands to a template.

    `has_relationship`: it takes part in a relationship that was created with the template.
    """

    address: Address
    has_allocation: bool
    has_relationship: bool


@dataclass(frozen=True, slots=True)
class RelationshipTemplate:
    """An invitation to create a relationship with `created_by`; its content is opaque and stays with the store.

    `is_used` means that a relationship was created with it, and is kept for those that expire; `is_being_deleted`, that
    its deletion has begun.
    """

    id: RelationshipTemplateId
    created_by: Address
    created_by_device: DeviceId
    created_at: datetime
    max_number_of_allocations: int | None
    expires_at: datetime | None
    for_identity: Address | None
    password: bytes | None
    is_used: bool = False
    is_being_deleted: bool = False

    @property
    def disposable_at(self) -> datetime | None:
        """When housekeeping may remove it, unless a relationship refers to it by then (§7)."""
        if self.expires_at is None or self.expires_at > _END_OF_TIME - KEPT_AFTER_EXPIRY:
            return None
        return self.expires_at + KEPT_AFTER_EXPIRY

    def is_visible_to(self, viewer: Viewer, now: datetime) -> bool:
        """§4.2 step 2.  The owner of an expired template is no exception; a participant is."""
        if self.is_being_deleted:
            return False
        if self.expires_at is not None and self.expires_at <= now and not viewer.has_relationship:
            return False
        return self.for_identity is None or viewer.address in (self.for_identity, self.created_by)

    def is_unlocked_by(self, viewer: Viewer, password: bytes | None) -> bool:
        """§4.2 step 3."""
        if self.password is None or viewer.address == self.created_by or viewer.has_allocation:
            return True
        return password is not None and hmac.compare_digest(password, self.password)

    def is_listed_for(self, viewer: Viewer, passwords: list[bytes | None], now: datetime) -> bool:
        """§4.3: visible, and unlocked by one of the passwords sent for it."""
        unlocked = any(self.is_unlocked_by(viewer, password) for password in passwords)
        return unlocked and self.is_visible_to(viewer, now)

    def check_open_to(self, viewer: Viewer, password: bytes | None, now: datetime) -> None:
        """A wrong password looks like a missing template (§11.2): raises `RecordNotFound`."""
        if not (self.is_visible_to(viewer, now) and self.is_unlocked_by(viewer, password)):
            raise RecordNotFound("RelationshipTemplate")

    def check_deletable_by(self, viewer: Viewer, now: datetime) -> None:
        """§4.4.  Raises `RecordNotFound` or `Forbidden`.  The owner may repeat a deletion that broke off half-way."""
        is_owner = viewer.address == self.created_by
        if not self.is_visible_to(viewer, now) and not (self.is_being_deleted and is_owner):
            raise RecordNotFound("RelationshipTemplate")
        if not is_owner:
            raise Forbidden

    def is_allocated_by_fetching(self, viewer: Viewer) -> bool:
        """Whether fetching it takes one of its allocations (§4.2 step 4)."""
        return viewer.address != self.created_by and not viewer.has_allocation


class AllocationsExhausted(BackboneError):
    """400: as many identities as allowed have fetched the template."""

    def __init__(self) -> None:
        super().__init__(
            "error.platform.validation.relationshipTemplate.maxNumberOfAllocationsExhausted",
            "The maximum number of allocations of this relationship template is exhausted.",
        )


@dataclass(frozen=True, slots=True)
class Allocation:
    """An identity's right to use a template; `exhausts` it when it is the last one."""

    template_id: RelationshipTemplateId
    allocated_by: Address
    allocated_by_device: DeviceId
    allocated_at: datetime
    exhausts: RelationshipTemplateAllocationsExhausted | None


def issue_template(
    caller: Caller,
    *,
    max_number_of_allocations: int | None,
    expires_at: datetime | None,
    for_identity: Address | None,
    password: bytes | None,
    now: datetime,
    new_id: Callable[[], RelationshipTemplateId] = RelationshipTemplateId.new,
) -> tuple[RelationshipTemplate, RelationshipTemplateCreated]:
    """A new template and the event that tells of it.  Raises `InvalidPropertyValue` unless it expires in the future."""
    if expires_at is not None and expires_at <= now:
        raise InvalidPropertyValue("'expiresAt' must be in the future.")
    template = RelationshipTemplate(
        id=new_id(),
        created_by=caller.address,
        created_by_device=caller.device_id,
        created_at=now,
        max_number_of_allocations=max_number_of_allocations,
        expires_at=expires_at,
        for_identity=for_identity,
        password=password,
    )
    return template, RelationshipTemplateCreated(template_id=template.id, created_by=template.created_by)


def allocate(template: RelationshipTemplate, caller: Caller, *, taken: int, now: datetime) -> Allocation:
    """The caller's allocation when `taken` have been given away before.  Raises `AllocationsExhausted`."""
    maximum = template.max_number_of_allocations
    if maximum is not None and taken >= maximum:
        raise AllocationsExhausted
    exhausts = None
    if maximum is not None and taken + 1 == maximum:
        exhausts = RelationshipTemplateAllocationsExhausted(
            relationship_template_id=template.id, created_by=template.created_by
        )
    return Allocation(template.id, caller.address, caller.device_id, now, exhausts)
