"""The rows of the reference's nightly housekeeping, one by one.  Contract: admin-api.md §15.3; events.md §6.4.

Here everything says itself when it ends (docs/decisions/housekeeping.md): `ttl`, in seconds, is the first moment in
which DynamoDB may remove an item, so nothing younger goes.  Rows with more to them are proved where they belong:
templates and relationships, runs and superseded modifications (synchronization), contents without record (files and
blobs), tokens.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.dynamodb import client, decode
from backbone.settings import settings
from functions.challenges.domain import LIFETIME
from infra.inventory import MAIN, template
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import given_announcement, given_device, given_identity
from tests.support.schema import SERVICES, table_properties

NOW = clock.now()
THIRTY_DAYS = timedelta(days=30)
BUCKET: dict[str, Any] = template(MAIN)["Resources"]["PayloadBucket"]["Properties"]


def items(service: str) -> list[dict[str, Any]]:
    table = getattr(settings(), f"{service}_table")
    return [decode(item) for item in client().scan(TableName=table)["Items"]]


def ends(service: str, *, like: Callable[[dict[str, Any]], bool] = lambda _: True) -> set[int | None]:
    """The `ttl` of these items."""
    return {item.get("ttl") for item in items(service) if like(item)}


def thirty_days_after(instant: datetime) -> set[int]:
    return {clock.epoch_seconds(instant + THIRTY_DAYS)}


@pytest.mark.parametrize("service", sorted(set(SERVICES) - {"overview"}))  # a copy, whose items go with the original
def test_every_table_removes_what_has_ended(service: str) -> None:
    assert table_properties(service)["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def test_the_bucket_removes_contents_that_never_got_a_record() -> None:
    """admin-api.md §15.3: then blobs without metadata row"""
    rules = {rule["Id"]: rule for rule in BUCKET["LifecycleConfiguration"]["Rules"]}

    assert rules["remove-payloads-without-an-item"] == {
        "Id": "remove-payloads-without-an-item",
        "Status": "Enabled",
        "TagFilters": [{"Key": "state", "Value": "pending"}],
        "ExpirationInDays": 14,
    }


def test_announcements(moto: None) -> None:
    """events.md §10: housekeeper: entity expired 29 days -> kept, 30 days -> deleted (announcement, challenge, file,
    token, unused template)."""
    given_announcement(new_caller().address, expires_at=NOW)

    assert ends("announcements", like=lambda item: item["sk"] != "N") == thirty_days_after(NOW)


def test_announcements_without_end_stay(moto: None) -> None:
    """admin-api.md §15.3: Announcements, challenges, templates, files and tokens without or with future expiry stay."""
    given_announcement(new_caller().address)

    assert ends("announcements", like=lambda item: item["sk"] != "N") == {None}


def test_challenges(api: InProcessApi) -> None:
    """events.md §10: housekeeper: entity expired 29 days -> kept, 30 days -> deleted (announcement, challenge, file,
    token, unused template)."""
    answer = api.post("/api/v2/Challenges")

    expires_at = clock.parse(answer.result["expiresAt"])
    assert abs(expires_at - clock.now() - LIFETIME) < timedelta(minutes=1)
    assert ends("challenges") == thirty_days_after(expires_at)


def test_cancelled_deletion_processes_and_the_log(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """admin-api.md §15.3: cancelled deletion processes cancelled > 30 days ago; deletion audit entries older than
    `AuditLogRetentionPeriodInDays` (default 731) **and** belonging to an already deleted identity"""
    address = new_caller().address
    caller = Caller(address, given_device(given_identity(address)).device.id, "test")
    path = "/api/v2/Identities/Self/DeletionProcesses"
    process = api.post(path, {}, caller=caller).result["id"]
    while_active = ends("devices", like=lambda item: item["sk"].startswith("P#"))

    assert api.put(f"{path}/{process}/Cancel", caller=caller).status == 200

    (item,) = [item for item in items("devices") if item["sk"] == f"P#{process}"]
    assert while_active == {None}
    assert item["ttl"] == clock.epoch_seconds(clock.parse(item["cancelledAt"]) + THIRTY_DAYS)
    log = ends("devices", like=lambda item: item["pk"].startswith("AUDIT#"))
    assert log == {None}  # until the identity is deleted: tests/unit/devices/test_deletion.py


def test_a_time_that_has_come_is_seconds_since_1970() -> None:
    assert clock.epoch_seconds(datetime(2026, 1, 2, 3, 4, 5, 999_000, tzinfo=UTC)) == 1767323045
