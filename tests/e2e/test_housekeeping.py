"""What the end of an item sets going, on the deployed system: stream, outbox, rule, consumer and its rights.

DynamoDB removes items up to two days after their `ttl`; here they are removed by hand, which the stream tells in the
same way.  That it also tells what expires is shown by the last test, which has to wait for the emulator's reaper.
"""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from backbone import clock, dynamodb
from backbone.dynamodb import Table
from backbone.readmodels.relationships import table as relationships_table
from backbone.settings import settings
from infra.local.stack import LocalStack
from tests.e2e.conftest import eventually
from tests.e2e.test_feed import act
from tests.people import Identity

NewIdentity = Callable[[], Identity]
A_MONTH_AGO = clock.render(clock.now() - timedelta(days=30))
REAPER_SECONDS = 60


@pytest.fixture(autouse=True)
def tables(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The deployed tables, seen from here."""
    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    dynamodb.client.cache_clear()
    yield
    settings.cache_clear()
    dynamodb.client.cache_clear()


def given_superseded_modification(identity: Identity) -> Callable[[], list[str]]:
    """A month ago something was created, today it was deleted; gives what is listed of it."""
    api = identity.device.connection
    datawallet, thing = Table(settings().synchronization_table), f"object {time.monotonic_ns()}"

    def modification(type: str) -> dict[str, object]:
        return {"type": type, "objectIdentifier": thing, "collection": "Files", "datawalletVersion": 1}

    def listed() -> list[str]:
        return [each["type"] for each in api.items("/Datawallet/Modifications") if each["objectIdentifier"] == thing]

    newest = max((each["index"] for each in api.items("/Datawallet/Modifications")), default=-1)
    body = {"localIndex": newest, "modifications": [modification("Create"), modification("Delete")]}
    api.post("/Datawallet/Modifications", body)
    created = {"pk": identity.address, "sk": f"MOD#Create#-#{thing}"}
    datawallet.update(created, "SET createdAt = :then", {"then": A_MONTH_AGO}, condition="attribute_exists(pk)")
    return listed


def test_superseded_modifications_go_when_the_timer_of_their_datawallet_ends(new_identity: NewIdentity) -> None:
    """synchronization.md §6: everything before the last Delete goes"""
    identity = new_identity()
    listed = given_superseded_modification(identity)
    before = listed()

    Table(settings().synchronization_table).delete({"pk": identity.address, "sk": "TIMER"})

    eventually("the compaction", lambda: listed() == ["Delete"])
    assert before == ["Create", "Delete"]


def test_a_template_goes_after_its_last_relationship(new_identity: NewIdentity) -> None:
    """relationships.md §7: Templates: `expiresAt` not null and ≤ now − 30 days **and** no relationship refers to it"""
    owner, user = new_identity(), new_identity()
    expires_at = clock.render(clock.now() + timedelta(minutes=5))
    template = owner.device.connection.post("/RelationshipTemplates", {"content": "AA", "expiresAt": expires_at})["id"]
    body = {"relationshipTemplateId": template, "creationContent": "AA"}
    relationship = user.device.connection.post("/Relationships", body)["id"]
    for who, action in ((owner, "Reject"), (user, "Decompose"), (owner, "Decompose")):
        act(who, relationship, action)
    table, key = relationships_table(), {"pk": template, "sk": "T"}
    table.update(key, "SET expiresAt = :then", {"then": A_MONTH_AGO})
    while_used = table.get(key) or {}

    table.delete({"pk": relationship, "sk": "R"})

    eventually("the end of the template", lambda: "ttl" in (table.get(key) or {"ttl": "gone"}))
    assert "ttl" not in while_used


def test_what_expires_is_told_like_what_is_deleted(new_identity: NewIdentity) -> None:
    identity = new_identity()
    listed = given_superseded_modification(identity)
    timer = {"pk": identity.address, "sk": "TIMER"}

    Table(settings().synchronization_table).update(timer, "SET #ttl = :past", {"past": 1})

    deadline = time.monotonic() + REAPER_SECONDS + 15
    while listed() != ["Delete"] and time.monotonic() < deadline:
        time.sleep(1)
    assert listed() == ["Delete"]
