"""Deletions in tests: identities that want to go, and services that say they have nothing left."""

from datetime import datetime, timedelta
from typing import Any

from backbone import clock, dynamodb
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.consumers import Consumers
from backbone.events import DomainEvent, EventEnvelope, carried_by
from backbone.events.deletion import IdentityDataDeleted
from backbone.ids import IdentityDeletionProcessId
from backbone.settings import settings
from functions.devices import deletion_process
from functions.devices.consumers import consumers
from functions.devices.deletion_items import audit_log_pk, process_key
from functions.devices.deletion_process import DELETING_SERVICES, DeletionProcess
from functions.devices.deletion_process_store import DeletionProcessStore
from functions.devices.deletion_store import DeletionStore
from tests.support.builders import given_client, given_device, given_identity
from tests.support.keys import ClientKey

processes, deletions = DeletionProcessStore(), DeletionStore()


def given_owner(devices: int = 1, client_id: str = "test") -> Caller:
    """An identity with its devices; the caller is the first one."""
    given_client(client_id)
    identity = given_identity(ClientKey.new().address)
    first, *_ = [given_device(identity).device for _ in range(devices)]
    return Caller(identity.address, first.id, client_id)


def started(caller: Caller, days: float = 0, *, now: datetime | None = None) -> DeletionProcess:
    """A deletion process of the caller's identity."""
    at = now or clock.now()
    return processes.start(caller.address, lambda owner: deletion_process.start(owner, caller, days, now=at))


def begun(caller: Caller) -> DeletionProcess:
    """A process whose grace period is over and whose deletion has begun."""
    process = started(caller)
    found = deletions.find(caller.address, process.id)
    assert found is not None
    assert deletions.begin(found, now=clock.now() + timedelta(milliseconds=1))
    found = deletions.find(caller.address, process.id)
    assert found is not None
    return found.process


def deliver(to: Consumers, event: DomainEvent) -> None:
    """Hand an event to a service as the bus does."""
    to.handle(EventEnvelope.of(event, clock.now()))


def confirmation(process: DeletionProcess, service: str, *aggregates: str) -> IdentityDataDeleted:
    """What a service says when it has nothing left."""
    return IdentityDataDeleted(
        identity_address=process.address, deletion_process_id=process.id, service=service, aggregates=aggregates
    )


def confirm_all(process: DeletionProcess) -> None:
    """Every service has nothing left."""
    for service in DELETING_SERVICES:
        deliver(consumers, confirmation(process, service, service.capitalize()))


def events_of(address: Address, process_id: IdentityDeletionProcessId) -> list[str]:
    """The names of the events that a process carries."""
    return [event.name for event in carried_on(address, process_id)]


def carried_on(address: Address, process_id: IdentityDeletionProcessId) -> list[EventEnvelope]:
    """The events that a process carries."""
    return carried_by(_table().get(process_key(address, process_id)))


def audit_log(address: Address) -> list[dict[str, Any]]:
    """The entries of an identity's log, in their order."""
    return list(_table().query_all("pk = :pk", {"pk": audit_log_pk(address)}))


def messages_of(address: Address) -> list[str]:
    """What the log says, in short."""
    found = []
    for entry in audit_log(address):
        aggregate = entry.get("additionalData", {}).get("aggregateType")
        found.append(f"{entry['messageKey']} {aggregate}" if aggregate else entry["messageKey"])
    return found


def everything(table: str = "devices") -> list[dict[str, Any]]:
    """All items of a table; tests may scan."""
    name = getattr(settings(), f"{table}_table")
    return [dynamodb.decode(item) for item in dynamodb.client().scan(TableName=name)["Items"]]


def names(item: dict[str, Any], *texts: str) -> bool:
    """Whether any of these texts stands anywhere in an item."""
    return any(text in repr(item) for text in texts)


def _table() -> dynamodb.Table:
    return dynamodb.Table(settings().devices_table)
