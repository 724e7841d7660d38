"""What the tests of deleted identities begin with: the events of Devices, raised by hand."""

from datetime import datetime

from backbone import clock
from backbone.addresses import Address
from backbone.dynamodb import Item
from backbone.events import DomainEvent, EventEnvelope
from backbone.events.devices import (
    FeatureFlagsOfIdentityChanged,
    IdentityDeleted,
    IdentityDeletionCancelled,
    IdentityToBeDeleted,
)
from backbone.ids import IdentityDeletionProcessId
from functions.relationships.consumers import INDEX_LAG, consumers
from tests.support.builders import LONG_AGO
from tests.unit.relationships.scenes import stored_items

PSEUDONYM = "did:e:localhost:dids:3a29ae5c1f591bbd9a2aaa"
PROCESS = IdentityDeletionProcessId("IDP00000000000000001")
GRACE_PERIOD_ENDS_AT = clock.parse("2026-12-06T00:00:00.123Z")


def heard(event: DomainEvent, at: datetime | None = None) -> None:
    """An event reaches Relationships; just late enough that nobody waits for an index."""
    consumers.handle(EventEnvelope.of(event, at or clock.now() - INDEX_LAG))


def to_be_deleted(address: Address, process: IdentityDeletionProcessId = PROCESS) -> None:
    """An identity starts its deletion."""
    heard(
        IdentityToBeDeleted(
            identity_address=address, deletion_process_id=process, grace_period_ends_at=GRACE_PERIOD_ENDS_AT
        )
    )


def cancelled(address: Address, process: IdentityDeletionProcessId = PROCESS) -> None:
    """It stays."""
    heard(IdentityDeletionCancelled(identity_address=address, deletion_process_id=process))


def deleted(address: Address, process: IdentityDeletionProcessId = PROCESS) -> None:
    """Its deletion begins."""
    heard(IdentityDeleted(identity_address=address, deletion_process_id=process))


def flags_changed(address: Address, at: datetime = LONG_AGO) -> None:
    """It sets feature flags."""
    heard(FeatureFlagsOfIdentityChanged(identity_address=address, changed_at=at))


def traces(address: Address) -> list[Item]:
    """The items that name an address, the mark of its deletion aside (it carries the event)."""
    return [item for item in stored_items() if address in str(item) and not item["pk"].startswith("DELETED#")]
