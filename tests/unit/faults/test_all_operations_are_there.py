"""Whoever adds something that writes adds an operation, so that it is tried with lost answers."""

from collections.abc import Iterator

import pytest
import typer
from typer.core import TyperGroup

from backbone.consumers import Consumers
from backbone.events import EventEnvelope
from cli.main import app
from infra.routes import ADMIN, endpoints
from tests.faults.disturbance import run
from tests.faults.operations import all_operations
from tests.support.pump import EventPump, all_consumers

OPERATIONS = all_operations()
ENDPOINTS = {operation.endpoint for operation in OPERATIONS.values()}
WRITE_NOTHING = {f"admin POST /api/v1/{name}" for name in ("ValidateApiKey", "validateApiKey", "validateapikey")}
READING_COMMANDS = {"list", "show", "status", "export"}
WITHOUT_TABLES = {
    "command: admin-key create",
    "command: admin-key delete",
    "command: events replay",
    "command: events discard",
    "command: housekeeping run",
    "command: push check",
    "command: chalice-config",
    # It fills tables that nobody else writes to, and is run again until it is done (tests/unit/cli/test_restore.py).
    "command: restore run",
    "command: restore abandon",
}
"""They change parameters, queues, files and new tables, or nothing."""


def test_there_is_an_operation_for_every_endpoint_that_writes() -> None:
    wanted = {f"{each.method} {each.path}" for each in endpoints() if each.method != "GET"}
    wanted |= {f"admin {each.method} {each.path}" for each in endpoints(ADMIN) if each.method != "GET"}

    assert wanted - WRITE_NOTHING - ENDPOINTS == set()


def test_there_is_an_operation_for_every_command_that_writes() -> None:
    wanted = {f"command: {name}" for name in _commands(typer.main.get_command(app))}
    jobs = {"command: deletion run", "command: deletion remind"}  # they do what the jobs do

    assert wanted - ENDPOINTS == WITHOUT_TABLES | jobs


def _commands(group: object, path: str = "") -> Iterator[str]:
    assert isinstance(group, TyperGroup)
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _commands(command, f"{path}{name} ")
        elif name not in READING_COMMANDS:
            yield f"{path}{name}"


@pytest.mark.slow
@pytest.mark.timeout(1200)  # it runs through all operations with events
def test_every_reaction_of_every_consumer_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: set[tuple[str, str]] = set()

    def hand_over(pump: EventPump, consumers: Consumers, event: EventEnvelope) -> None:
        tried.add((consumers.service, event.name))
        consumers.handle(event)

    monkeypatch.setattr(EventPump, "hand_over", hand_over)
    for name, operation in OPERATIONS.items():
        if name.startswith("events:"):
            run(operation, monkeypatch)

    wanted = {(consumers.service, name) for consumers in all_consumers() for name in consumers.reactions}
    assert wanted - tried == set()
