"""`backbone restore` on the deployed system: what two clients had is destroyed and comes back, and nobody hears of it.

The emulator restores a table as it is now, whatever the time, so that one call is answered by a time machine; all the
rest is real: deployments with other parameters, streams, the outbox, blobs and consumers.
"""

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from backbone import dynamodb, payloads
from backbone.settings import settings
from cli import aws
from cli.target import tables_of_services
from functions.outbox import publisher
from functions.redelivery import store
from infra.local.stack import CLIENT_ID, CLIENT_SECRET, LocalStack
from tests.e2e.conftest import eventually, relate
from tests.people import Identity
from tests.support.command import Outcome, backbone
from tests.support.time_machine import empty, time_machine

TEXT = {"text": "x" * 30_000}
CONTENT = os.urandom(100_000)
SUFFIX = "-restored"
QUIET_SECONDS = 3


@pytest.fixture
def own_stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalStack]:
    """A Backbone that nobody else tests; this process works on it like an operator's."""
    with LocalStack(parameters={"PointInTimeRecovery": "true"}) as running:
        use(running, monkeypatch)
        yield running
    forget_clients()


def use(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Know its tables, as `--stack` would find them; closed for maintenance, because nobody calls it meanwhile."""
    for name, value in {**stack.environment(), "BACKBONE_MAINTENANCE_SECONDS": "60"}.items():
        monkeypatch.setenv(name, value)
    forget_clients()


def forget_clients() -> None:
    """What was made for another place is not for this one."""
    for cached in (settings, dynamodb.client, payloads.client, publisher.client, store.client, aws.client):
        cached.cache_clear()


def restore(*arguments: str) -> Outcome:
    """The command."""
    return backbone("restore", "run", "--yes", *arguments)


def payloads_of(stack: LocalStack) -> set[str]:
    """The keys of all current payloads."""
    listing: Any = stack.client("s3").list_objects_v2(Bucket=stack.settings()["payload_bucket"]).get("Contents", [])
    return {entry["Key"] for entry in listing if not entry["Key"].startswith(("aws/", "operator/"))}


def test_two_clients_go_on_after_a_restore_as_if_nothing_had_been(
    own_stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = own_stack
    alice, bob = (Identity.create(stack.base_url, CLIENT_ID, CLIENT_SECRET) for _ in range(2))
    relate(alice, bob)
    file = alice.device.files.upload(CONTENT)
    message = alice.device.messages.send(bob.address, TEXT)
    received = eventually("the message", lambda: bob.device.sync().messages)
    assert [one.id for one in received] == [message.id]
    alice.device.sync()
    time.sleep(QUIET_SECONDS)
    monkeypatch.setattr("cli.target.settled_since", lambda: None)
    with time_machine() as machine:
        at, kept = machine.remember().strftime("%Y-%m-%dT%H:%M:%SZ"), payloads_of(stack)
        services = sorted(set(tables_of_services()) - {"overview"})
        for service in services:
            empty(tables_of_services()[service])
        eventually("the end of all payloads", lambda: payloads_of(stack) == set())

        assert "let the stack have new tables" in restore("--at", at).err
        stack.deploy(**{f"{service.capitalize()}TableSuffix": SUFFIX for service in services})
        use(stack, monkeypatch)
        report = restore("--json").json

    assert {table["table"] for table in report["tables"]} == {f"backbone-{service}{SUFFIX}" for service in services}
    assert report["payloadsBroughtBack"] == len(kept) > 0
    time.sleep(QUIET_SECONDS)
    assert payloads_of(stack) == kept
    for device in (alice.device, bob.device):
        result = device.sync()
        assert (result.messages, result.relationships) == ([], [])
    assert alice.device.files.download(file) == CONTENT
    alice.device.messages.send(bob.address, {"text": "after"})
    (after,) = eventually("the next message", lambda: bob.device.sync().messages)
    assert after.content == {"text": "after"}
