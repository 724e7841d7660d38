"""An identity that is deleted and registers again with the same key.

Contract: devices.md, section 7.1: only an address that exists is refused, so a deleted one begins anew, like everybody.
Nothing of the old life is to be seen, and nothing that is told of it late does the new one any harm.
"""

from typing import Any

import pytest

from backbone import clock
from backbone.dynamodb import Item
from backbone.quotas import Metric
from tests.support.builders import given_announcement, given_individual_quota, usage_of
from tests.support.lives import CONTENT, Lives, Person
from tests.unit.files.uploads import FILES, claim, encoded, form, in_days

pytestmark = pytest.mark.slow

VERSION = {"X-Supported-Datawallet-Version": "1"}


def in_minutes(minutes: float) -> str:
    return clock.render(clock.days_after(clock.now(), minutes / 24 / 60))


def upload(person: Person) -> Any:
    body, content_type = encoded(form(expiresAt=in_days(10_000)))
    return person.lives.api.post(FILES, body=body, headers={"content-type": content_type}, caller=person.caller).result


def sync(person: Person) -> list[dict[str, Any]]:
    """The external events, processed; the datawallet comes into being on the way."""
    if person.lives.api.get("/api/v2/Datawallet", caller=person.caller).status == 404:
        run = person.call("POST", "/SyncRuns", {"type": "DatawalletVersionUpgrade"}, headers=VERSION)["syncRun"]["id"]
        upgrade = {"newDatawalletVersion": 1, "datawalletModifications": []}
        person.call("PUT", f"/SyncRuns/{run}/FinalizeDatawalletVersionUpgrade", upgrade, headers=VERSION)
    started = person.call("POST", "/SyncRuns", {"type": "ExternalEventSync"}, headers=VERSION)
    if started["syncRun"] is None:
        return []
    run = started["syncRun"]["id"]
    events: list[dict[str, Any]] = person.call("GET", f"/SyncRuns/{run}/ExternalEvents")
    results = [{"externalEventId": event["id"]} for event in events]
    done = {"externalEventResults": results, "datawalletModifications": []}
    person.call("PUT", f"/SyncRuns/{run}/FinalizeExternalEventSync", done, headers=VERSION)
    person.lives.settle()
    return events


def live(person: Person, friend: Person) -> dict[str, str]:
    """Something of everything; the ids of some of it by where it is listed."""
    lives = person.lives
    relationship_id = friend.relate(person)
    template_id = person.template(maxNumberOfAllocations=1)
    friend.template(forIdentity=person.address)
    person.send(friend)
    friend.send(person)
    person.call("POST", "/Challenges")
    for owner, other in ((person, friend), (friend, person)):
        token = {"content": CONTENT, "expiresAt": in_minutes(60)}
        owner.call("POST", "/Tokens", token)
        personal = owner.call("POST", "/Tokens", {**token, "forIdentity": other.address})["id"]
        other.call("GET", f"/Tokens/{personal}")
    upload(person)
    given, taken = upload(person), upload(friend)
    assert claim(lives.api, given["id"], given["ownershipToken"], friend.caller).status == 200
    assert claim(lives.api, taken["id"], taken["ownershipToken"], person.caller).status == 200
    push = {"platform": "dummy", "handle": "h" * 20, "appId": "a"}
    person.call("PUT", "/Devices/Self/PushNotifications", push)
    person.call("PATCH", "/Identities/Self/FeatureFlags", {"aFeature": True})
    given_individual_quota(person.address, Metric.NUMBER_OF_FILES, 100)
    given_announcement(person.address, friend.address)
    lives.settle()
    sync(person)
    friend.act(relationship_id, "Terminate")
    return {"/Relationships": relationship_id, "/RelationshipTemplates": template_id, "/Tokens": personal}


def state(person: Person) -> dict[str, Item]:
    """What there is of an identity, without what is about to go."""
    found = person.lives.traces(person.address, person.caller.device_id)
    return {f"{service} {item['pk']} {item.get('sk')}": item for service, item in found if "ttl" not in item}


def test_a_new_life_is_complete_and_begins_with_nothing(lives: Lives) -> None:
    """devices.md §7.1, synchronization.md §2.2 and §3.3, quotas.md §2"""
    old, friend = lives.person(), lives.person()
    known = live(old, friend)
    lives.delete(old)

    new = lives.person(old.key)

    assert new.address == old.address
    assert new.caller.device_id != old.caller.device_id
    assert lives.api.get("/api/v2/Datawallet", caller=new.caller).status == 404
    for path in ("/Messages", "/Files", "/Announcements"):
        assert new.call("GET", path, query={"language": "en"}) == [], path
    for path, id in known.items():
        assert new.call("GET", path, query={"ids": id}) == [], path
    assert new.call("GET", f"/Identities/{new.address}/FeatureFlags") == {}
    assert new.call("GET", "/Identities/Self/DeletionProcesses") == []
    assert [device["id"] for device in new.call("GET", "/Devices")] == [new.caller.device_id]
    assert all(usage_of(new.address, metric).get("total", 0) == 0 for metric in Metric)
    assert sync(new) == []

    live(new, friend)

    assert {event["type"] for event in sync(new)} >= {"RelationshipStatusChanged"}
    assert len(new.inbox()) == 2
    assert new.address in {message["createdBy"] for message in friend.call("GET", "/Messages")}


def test_what_is_told_again_of_the_old_life_changes_nothing_in_the_new_one(lives: Lives) -> None:
    """events.md §9: queues and dead letters repeat what they have told, up to four weeks later."""
    old, friend = lives.person(), lives.person()
    live(old, friend)
    old.lives.delete(old)
    lives.pass_time(minutes=5)
    of_the_old_life = list(lives.told)
    new = lives.person(old.key)
    live(new, friend)
    before, others = state(new), state(friend)

    lives.deliver_again(of_the_old_life)

    assert state(new) == before
    assert state(friend) == others


def test_a_second_life_ends_like_the_first(lives: Lives) -> None:
    old, friend = lives.person(), lives.person()
    lives.delete(old)
    new = lives.person(old.key)
    live(new, friend)

    lives.delete(new)

    assert [item for _, item in lives.traces(new.address) if "ttl" not in item] == []
    assert state(lives.person(old.key))
