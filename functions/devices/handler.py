"""Lambda entry points of Devices."""

from datetime import timedelta
from typing import Any

from backbone import clock
from backbone.consumers import EventHandler
from backbone.http import lambda_handler
from backbone.invocations import entry_point
from backbone.settings import settings
from functions.devices import deletion_jobs
from functions.devices.admin_clients_api import admin_clients_api
from functions.devices.admin_deletion_processes_api import admin_deletion_processes_api
from functions.devices.admin_identities_api import admin_identities_api
from functions.devices.admin_tiers_api import admin_tiers_api
from functions.devices.api import api
from functions.devices.consumers import consumers
from functions.devices.deletion_processes_api import deletion_processes_api
from functions.devices.feature_flags_api import feature_flags_api
from functions.devices.notifications_api import notifications_api
from functions.devices.token_api import token_api

http = lambda_handler(api, deletion_processes_api, feature_flags_api, notifications_api)
token = lambda_handler(token_api)
admin = lambda_handler(admin_clients_api, admin_tiers_api, admin_identities_api, admin_deletion_processes_api)
consume = EventHandler(consumers)


@entry_point
def remind(event: dict[str, Any], lambda_context: Any) -> None:
    """The daily reminders; any event but the empty one starts them."""
    if event:
        has_time = deletion_jobs.time_left(lambda_context)
        deletion_jobs.remind(now=clock.now(), has_time=has_time, run=_run_of(event)).check()


@entry_point
def delete_due(event: dict[str, Any], lambda_context: Any) -> None:
    """The daily deletion; any event but the empty one starts it."""
    if event:
        tokens_valid_for = timedelta(seconds=settings().token_lifetime_seconds)
        has_time = deletion_jobs.time_left(lambda_context)
        deletion_jobs.delete_due(
            now=clock.now(), tokens_valid_for=tokens_valid_for, has_time=has_time, run=_run_of(event)
        ).check()


def _run_of(event: dict[str, Any]) -> str:
    """What all attempts of Lambda at an event have in common; nothing for who calls by hand."""
    return str(event.get("id", ""))
