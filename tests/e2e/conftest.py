"""The whole system, deployed once per test run from template.yaml onto the emulator, on free ports."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from infra.local.stack import CLIENT_ID, CLIENT_SECRET, LocalStack
from tests.people import Identity

ResultT = TypeVar("ResultT")
PATIENCE_SECONDS = 15


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is end-to-end."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    """The deployed Backbone; functions have the rights of their roles and no others."""
    watched = {
        "AlarmTopicArn": "arn:aws:sns:eu-central-1:000000000000:alarms",
        "AlarmDetail": "all",
        "CloudWatchDashboard": "true",
    }
    with LocalStack(enforce_rights=True, parameters=watched) as running:
        yield running


@pytest.fixture
def new_identity(stack: LocalStack) -> Callable[[], Identity]:
    """Registers identities."""
    return lambda: Identity.create(stack.base_url, CLIENT_ID, CLIENT_SECRET)


def eventually(what: str, ask: Callable[[], ResultT | None]) -> ResultT:
    """Ask again until there is an answer.  How long it takes is measured by `make bench`, not here."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        answer = ask()
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come within {PATIENCE_SECONDS} s")


def relate(templator: Identity, requestor: Identity) -> str:
    """An active relationship between two identities; its id."""
    template = templator.device.templates.create({"purpose": "test"})
    requestor.device.relationships.request(
        requestor.device.templates.load(template.reference.truncated), {"from": "requestor"}
    )
    request = eventually("the request", lambda: templator.device.sync().relationships)[0]
    templator.device.relationships.accept(request.id)
    eventually("the acceptance", lambda: requestor.device.sync().relationships)
    return request.id
