"""What Devices does about events.  Contract: devices.md, section 8.2; events.md, section 6.3."""

from backbone import clock
from backbone.consumers import Consumers
from backbone.events import EventEnvelope
from backbone.events.deletion import IdentityDataDeleted
from backbone.events.devices import IdentityDeletionCancelled, IdentityToBeDeleted
from functions.devices import deletion_process
from functions.devices.deletion_process_store import DeletionProcessStore
from functions.devices.deletion_store import DeletionStore

consumers = Consumers("devices")
deletions = DeletionStore()
processes = DeletionProcessStore()


@consumers.on(IdentityDataDeleted)
def collect_confirmation(event: IdentityDataDeleted, envelope: EventEnvelope) -> None:
    """When all services have nothing left, the identity goes, too."""
    deletion = deletions.find(event.identity_address, event.deletion_process_id)
    if deletion is None:
        return  # it has gone already
    process = deletions.confirm(deletion.process, event.service, event.aggregates, now=clock.now())
    if process is None or process.unconfirmed:
        return
    try:
        deletions.finish(process, now=clock.now())  # later than every confirmation
    except Exception as problem:
        deletions.log(deletion_process.failed(process, type(problem).__name__, now=clock.now()))
        raise


@consumers.on(IdentityToBeDeleted)
def copy_grace_period(event: IdentityToBeDeleted, envelope: EventEnvelope) -> None:
    """In case the request that started the process died before every user had its copy."""
    processes.copy_grace_period(event.identity_address)


@consumers.on(IdentityDeletionCancelled)
def withdraw_grace_period(event: IdentityDeletionCancelled, envelope: EventEnvelope) -> None:
    """The same for the request that cancelled it."""
    processes.copy_grace_period(event.identity_address)
