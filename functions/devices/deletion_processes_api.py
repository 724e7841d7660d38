"""Deletion processes over HTTP.  Contract: devices.md, section 8."""

from backbone import clock
from backbone.caller import Caller
from backbone.http import Api, Created
from backbone.ids import IdentityDeletionProcessId
from backbone.settings import settings
from functions.devices import deletion_process
from functions.devices.deletion_process_store import DeletionProcessStore
from functions.devices.deletion_processes_models import DeletionProcessOut, StartDeletionProcessIn

deletion_processes_api = Api("devices")
processes = DeletionProcessStore()
_PROCESSES = "/api/v2/Identities/Self/DeletionProcesses"


@deletion_processes_api.post(_PROCESSES)
def start_deletion_process(body: StartDeletionProcessIn | None, caller: Caller) -> Created[DeletionProcessOut]:
    """Queue the caller's identity for deletion at the end of a grace period."""
    now = clock.now()
    asked_for = body.length_of_grace_period_in_days if body else None
    length = settings().deletion_grace_period_days if asked_for is None else asked_for
    process = processes.start(caller.address, lambda owner: deletion_process.start(owner, caller, length, now=now))
    return Created(DeletionProcessOut.of(process))


@deletion_processes_api.get(_PROCESSES)
def list_deletion_processes(caller: Caller) -> list[DeletionProcessOut]:
    """The deletion processes of the caller's identity, newest first."""
    return [DeletionProcessOut.of(process) for process in processes.all_of(caller.address, now=clock.now())]


@deletion_processes_api.get(f"{_PROCESSES}/{{id}}")
def get_deletion_process(id: IdentityDeletionProcessId, caller: Caller) -> DeletionProcessOut:
    """A deletion process of the caller's identity."""
    return DeletionProcessOut.of(processes.get(caller.address, id, now=clock.now()))


@deletion_processes_api.put(f"{_PROCESSES}/{{id}}/Cancel")
def cancel_deletion_process(id: IdentityDeletionProcessId, caller: Caller) -> DeletionProcessOut:
    """Keep the caller's identity, as long as the grace period lasts."""
    now = clock.now()
    process = processes.cancel(
        caller.address, id, lambda owner, found: deletion_process.cancel(owner, found, id, caller, now=now)
    )
    return DeletionProcessOut.of(process)
