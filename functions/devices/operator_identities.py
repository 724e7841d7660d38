"""The operator's commands for single identities: `backbone identity …`."""

from typing import Annotated, Any

import typer

from backbone import clock
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.errors import RecordNotFound
from backbone.quotas.overview import overview_of
from cli.output import AsJson, CommandFailed, confirm, say, show
from functions.devices import deletion_process
from functions.devices.deletion_process import DeletionProcess, DeletionProcessStatus, Owner, Step
from functions.devices.deletion_process_store import DeletionProcessStore
from functions.devices.deletion_store import DeletionStore, Due
from functions.devices.domain import Identity, IdentityStatus
from functions.devices.operator_deletion import TIMEOUT_SECONDS, Timeout, wait_for
from functions.devices.store import DeviceStore
from functions.devices.tier_store import TierStore

app = typer.Typer(help="Looks at identities, and deletes them.", no_args_is_help=True)

Who = Annotated[Address, typer.Argument(parser=Address.parse, metavar="ADDRESS", help="Whose.")]


@app.command("show")
def show_identity(address: Who, as_json: AsJson = False) -> None:
    """Show an identity with its devices, quotas and deletion processes."""
    store = DeviceStore()
    identity = store.get_identity(address)
    tier = TierStore().get(identity.tier_id)
    record = {
        "address": identity.address,
        "status": identity.status,
        "clientId": identity.client_id,
        "tier": f"{tier.name} ({tier.id})" if tier else identity.tier_id,
        "identityVersion": identity.identity_version,
        "createdAt": clock.render(identity.created_at),
        "deletionGracePeriodEndsAt": identity.deletion_grace_period_ends_at,
        "devices": [
            {
                "id": each.device.id,
                "username": each.device.username,
                "createdAt": clock.render(each.device.created_at),
                "communicationLanguage": each.device.communication_language,
                "isBackupDevice": each.device.id == identity.backup_device_id,
                "lastLoginAt": each.user.last_log_in_at,
            }
            for each in store.with_users(store.devices_of(address))
        ],
        "quotas": [
            {
                "metric": each.quota.metric.value,
                "period": each.quota.period.value,
                "source": each.quota.source.value,
                "max": each.quota.max,
                "usage": each.usage,
            }
            for each in overview_of(address)
        ],
        "deletionProcesses": [_describe(process) for process in _processes_of(address)],
    }
    show(record, as_json=as_json)


@app.command()
def delete(
    address: Who,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    timeout: Timeout = TIMEOUT_SECONDS,
) -> None:
    """Delete an identity with all it has, at once and for good; only a log of hashes remains.

    It is what the owner's own deletion process does, with a grace period of no days.
    """
    identity = DeviceStore().get_identity(address)
    confirm(f"Delete {address} ({identity.status.value}, {identity.client_id}) for good?", yes=yes)
    process = _process_that_ends_now(identity)
    store = DeletionStore()
    deletion = store.find(address, process.id)
    if (
        deletion
        and deletion.process.status is DeletionProcessStatus.ACTIVE
        and not store.begin(deletion, now=clock.now())
    ):
        raise CommandFailed("somebody else has changed the deletion process at the same time; look, and repeat")
    wait_for(store, [Due(address, process.id)], timeout_seconds=timeout)
    say(f"{address} is deleted.")


def _process_that_ends_now(identity: Identity) -> DeletionProcess:
    """A process without a grace period; one that has one is cancelled for it, one that is going on is gone on with."""
    processes = DeletionProcessStore()
    current = next(
        (one for one in _processes_of(identity.address) if one.status is not DeletionProcessStatus.CANCELLED), None
    )
    if current and (identity.status is IdentityStatus.DELETING or current.is_past_grace_period(clock.now())):
        return current
    if current:
        processes.cancel(identity.address, current.id, lambda owner, process: _cancelling(owner, process, current))
    return processes.start(
        identity.address,
        lambda owner: deletion_process.start(owner, _on_behalf_of(owner), length_in_days=0, now=clock.now()),
    )


def _cancelling(owner: Owner, process: DeletionProcess | None, expected: DeletionProcess) -> Step:
    return deletion_process.cancel(owner, process, expected.id, _on_behalf_of(owner), now=clock.now())


def _on_behalf_of(owner: Owner) -> Caller:
    """Processes belong to owners, so the log names one of the owner's devices."""
    if not owner.devices:
        raise RecordNotFound("Device")
    return Caller(owner.identity.address, owner.devices[0].id, owner.identity.client_id)


def _processes_of(address: Address) -> list[DeletionProcess]:
    return DeletionProcessStore().all_of(address, now=clock.now())


def _describe(process: DeletionProcess) -> dict[str, Any]:
    return {
        "id": process.id,
        "status": process.status.value,
        "createdAt": clock.render(process.created_at),
        "gracePeriodEndsAt": process.grace_period_ends_at,
        "waitingFor": process.unconfirmed if process.status is DeletionProcessStatus.DELETING else None,
    }
