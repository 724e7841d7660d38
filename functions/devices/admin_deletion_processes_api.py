"""Deletion processes and the log of deletions, for operators.  Contract: admin-api.md, section 9."""

from backbone import clock
from backbone.addresses import Address
from backbone.http.admin import AdminApi
from backbone.ids import IdentityDeletionProcessId
from functions.devices.admin_deletion_processes_models import AuditLogEntryOut, DeletionProcessDetailsOut
from functions.devices.audit_log_store import AuditLogStore
from functions.devices.deletion_process_store import DeletionProcessStore
from functions.devices.deletion_processes_models import DeletionProcessOut

admin_deletion_processes_api = AdminApi("devices", function="AdminDevices")
processes = DeletionProcessStore()
audit_log = AuditLogStore()
_PROCESSES = "/api/v1/Identities/{address}/DeletionProcesses"


@admin_deletion_processes_api.get(_PROCESSES)
def list_deletion_processes_of(address: Address) -> list[DeletionProcessOut]:
    """The deletion processes of an identity, newest first."""
    return [DeletionProcessOut.of(process) for process in processes.all_of(address, now=clock.now())]


@admin_deletion_processes_api.get(f"{_PROCESSES}/AuditLogs")
def list_deletion_audit_log(address: Address) -> list[AuditLogEntryOut]:
    """What happened to the deletions of an address, oldest first, also when the identity is gone or never was."""
    return [AuditLogEntryOut.of(entry) for entry in audit_log.all_of(address, now=clock.now())]


@admin_deletion_processes_api.get(f"{_PROCESSES}/{{id}}")
def get_deletion_process_of(address: Address, id: IdentityDeletionProcessId) -> DeletionProcessDetailsOut:
    """A deletion process with its log."""
    now = clock.now()
    process = processes.get(address, id, now=now)
    log = [entry for entry in audit_log.all_of(address, now=now) if entry.process_id == process.id]
    return DeletionProcessDetailsOut.with_log(process, log)
