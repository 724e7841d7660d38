"""`backbone housekeeping …`: whether what has ended is removed.  Decision: docs/decisions/housekeeping.md."""

from typing import Any

import pytest

from backbone.settings import settings
from cli import housekeeping
from tests.support.api import InProcessApi
from tests.support.command import backbone
from tests.support.engine import aws
from tests.unit.devices.deletions import given_owner
from tests.unit.synchronization.steps import given_upgrade

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("moto")]
STACK = "test"
RULE = {"ID": "remove-payloads-without-an-item", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}


@pytest.fixture(autouse=True)
def _in_order(moto: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKBONE_STACK", STACK)
    aws("sqs").create_queue(QueueName=f"{STACK}-stream-dead-letters")
    for table in tables():
        enable_expiry(table)
    lifecycle = {"Rules": [RULE]}
    aws("s3").put_bucket_lifecycle_configuration(Bucket=settings().payload_bucket, LifecycleConfiguration=lifecycle)
    reading = {"function": "test-outbox", "streams": 2, "reading": 2}
    monkeypatch.setattr(housekeeping, "_reader", lambda function: {**reading, "function": function})


def tables() -> list[str]:
    """All tables of the environment."""
    return [value for name, value in settings().model_dump().items() if name.endswith("_table") and value]


def enable_expiry(table: str, *, enabled: bool = True) -> None:
    """As CloudFormation does."""
    wanted = {"AttributeName": "ttl", "Enabled": enabled}
    aws("dynamodb").update_time_to_live(TableName=table, TimeToLiveSpecification=wanted)


def problems(outcome: Any) -> str:
    """What needs an operator."""
    text: str = outcome.err.splitlines()[-1]
    return text


@pytest.mark.parametrize("command", ["status", "run"])
def test_all_is_well(command: str) -> None:
    report = backbone("housekeeping", command, "--json").json

    assert report["problems"] == []
    assert {row["expiry"] for row in report["tables"]} == {"on"}
    assert report["payloadsWithoutItems"] == "removed"


def test_a_table_that_keeps_what_has_expired_is_told() -> None:
    enable_expiry(settings().tokens_table, enabled=False)

    outcome = backbone("housekeeping", "status")

    assert outcome.code == 1
    assert f"{settings().tokens_table} keeps what has expired" in problems(outcome)


def test_a_bucket_that_keeps_everything_is_told() -> None:
    aws("s3").delete_bucket_lifecycle(Bucket=settings().payload_bucket)

    assert "the bucket keeps payloads without items" in problems(backbone("housekeeping", "status"))


def test_streams_that_nobody_reads_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "_reader", lambda name: {"function": name, "streams": 2, "reading": 1})

    assert "test-outbox reads 1 of 2 streams" in problems(backbone("housekeeping", "status"))


def test_a_datawallet_can_be_compacted_at_once(api: InProcessApi) -> None:
    owner = given_owner()
    given_upgrade(api, owner)

    assert backbone("housekeeping", "compact", owner.address).out == "Modifications removed: 0.\n"
