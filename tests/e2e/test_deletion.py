"""Deletion of identities on the deployed system: jobs, events, and every service's part."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backbone.dynamodb import decode
from infra.build import ROOT
from infra.local.stack import LocalStack
from tests.e2e.conftest import eventually, relate
from tests.people import Identity

NewIdentity = Callable[[], Identity]
SCRIPTS = Path(__file__).parent / "official"
PROCESSES = "/Identities/Self/DeletionProcesses"
TIMEOUT_SECONDS = 120


def _start(identity: Identity, days: float = 0) -> Any:
    return identity.device.connection.post(PROCESSES, json={"lengthOfGracePeriodInDays": days})


COMMAND = [sys.executable, "-m", "cli", "deletion", "run", "--timeout", str(TIMEOUT_SECONDS)]


def _environment(stack: LocalStack) -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "layers")])
    return {**os.environ, **stack.environment(), "PYTHONPATH": path}


def _delete_identities(stack: LocalStack) -> str:
    """The operator's command, on this stack."""
    outcome = subprocess.run(
        COMMAND,
        env=_environment(stack),
        capture_output=True,
        text=True,
        timeout=2 * TIMEOUT_SECONDS,
        check=False,
    )
    assert outcome.returncode == 0, f"{outcome.stdout}\n{outcome.stderr}"
    return outcome.stdout


def _everything(stack: LocalStack) -> list[dict[str, Any]]:
    client = stack.client("dynamodb")
    tables = [name for name in stack.environment().items() if name[0].endswith("_TABLE")]
    pages = (page for _, table in tables for page in client.get_paginator("scan").paginate(TableName=table))
    return [decode(item) for page in pages for item in page["Items"]]


def test_nothing_of_a_deleted_identity_is_left(stack: LocalStack, new_identity: NewIdentity) -> None:
    """operations.md §10: All data of a deleted identity is gone except the hashed audit log."""
    alice, bob = new_identity(), new_identity()
    second = alice.add_device()
    relate(alice, bob)
    alice.device.connection.post("/Challenges")
    modification = {"objectIdentifier": "o", "collection": "c", "type": "Create", "datawalletVersion": 1}
    items = list(alice.device.connection.items("/Datawallet/Modifications"))
    index = items[-1]["index"] if items else None
    large = {**modification, "encryptedPayload": "A" * 60_000}
    alice.device.connection.post("/Datawallet/Modifications", json={"localIndex": index, "modifications": [large]})
    alice.device.templates.create({"purpose": "test"})
    bucket = stack.environment()["BACKBONE_PAYLOAD_BUCKET"]
    s3 = stack.client("s3")
    prefix = "synchronization/DWM"
    objects_before = {found["Key"] for found in s3.list_objects_v2(Bucket=bucket).get("Contents", [])}
    assert any(key.startswith(prefix) for key in objects_before)

    _start(alice)
    _delete_identities(stack)

    usernames = [device.connection.credentials.username for device in (alice.device, second)]

    def is_gone() -> bool:
        traces = [alice.address, *usernames]
        left = [item for item in _everything(stack) if any(trace in repr(item) for trace in traces)]
        # Marks of what has been handled, and closed doors, name the identity for another month.
        return all("ttl" in item for item in left)

    eventually("the end of everything, last of the overview", is_gone)
    eventually(
        "the removal of payloads",
        lambda: (
            not [
                found
                for found in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
                if found["Key"] in objects_before
            ]
        ),
    )
    assert [item for item in _everything(stack) if item["pk"] == bob.address]


def test_the_functions_of_the_jobs_do_their_work(stack: LocalStack, new_identity: NewIdentity) -> None:
    """devices.md §8.1 and §8.2: with the rights of their roles; the schedule itself is the platform's"""
    alice = new_identity()
    process = _start(alice, days=4.5)
    carol = new_identity()
    _start(carol, days=-1)  # longer ago than any access token is good for
    for function in ("reminders", "deletion"):
        answer = stack.client("lambda").invoke(FunctionName=f"backbone-{function}", Payload='{"source": "aws.events"}')
        assert "FunctionError" not in answer, answer["Payload"].read()

    reminded = alice.device.connection.get(f"{PROCESSES}/{process['id']}")
    assert reminded["gracePeriodReminder3SentAt"] is not None
    username = carol.device.connection.credentials.username

    def is_deleted() -> bool:
        answer = alice.device.connection.get("/Identities/IsDeleted", {"username": username}, anonymous=True)
        return bool(answer["deletionDate"] > process["createdAt"])

    eventually("the deletion", is_deleted)
    rules = stack.client("events").list_rules()["Rules"]
    assert [rule["ScheduleExpression"] for rule in rules if "cron" in rule.get("ScheduleExpression", "")] == [
        "cron(0 0 * * ? *)"
    ] * 2


def test_official_clients_see_the_deletion_from_both_sides(stack: LocalStack) -> None:
    """Start, cancellation and end with npm @nmshd/transport, unchanged."""
    outcome = subprocess.run(
        ["node", "deletion.cjs", stack.base_url, "test", "test", *COMMAND],
        cwd=SCRIPTS,
        env=_environment(stack),
        capture_output=True,
        text=True,
        timeout=2 * TIMEOUT_SECONDS,
        check=False,
    )

    assert outcome.returncode == 0, f"{outcome.stdout}\n{outcome.stderr}"
    assert outcome.stdout.splitlines()[-1].endswith("done")
