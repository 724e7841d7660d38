"""What is left of a relationship that both sides have decomposed: nothing, from the moment its time is over.

Contract: relationships.md, section 7; read time is exact, however late DynamoDB's TTL comes (data-model.md).
"""

import json
from pathlib import Path

import pytest

from functions.devices import configuration
from functions.devices.configuration import SECTIONS
from tests.support.api import ADMIN_SERVICES, InProcessApi
from tests.support.lives import Lives, Person, message_to

pytestmark = pytest.mark.slow

TEXT = {"Code": "TestCode", "Translations": {"en": {"Title": "t", "Body": "b"}}}


@pytest.fixture(autouse=True)
def _texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "configuration.json"
    file.write_text(json.dumps({SECTIONS[0]: {"Texts": [TEXT]}}))
    monkeypatch.setattr(configuration, "FILE", file)
    configuration.notification_texts.cache_clear()


def dissolve(one: Person, other: Person, relationship_id: str) -> None:
    """Both give it up."""
    one.act(relationship_id, "Terminate")
    one.act(relationship_id, "Decompose")
    other.act(relationship_id, "Decompose")


def answers(one: Person, other: Person) -> dict[str, object]:
    """What one hears who asks for the other."""
    listed = InProcessApi(ADMIN_SERVICES, admin=True).get(
        "/api/v1/Relationships", query={"participant": one.address, "pageSize": 10}
    )
    notification = {"recipients": [other.address], "code": "TestCode"}
    return {
        "send": one.refusal("POST", "/Messages", message_to(other)),
        "notify": one.refusal("POST", "/Notifications", notification),
        "flags": one.lives.api.get(f"/api/v2/Identities/{other.address}/FeatureFlags", caller=one.caller).status,
        "list": len(listed.result),
    }


def counters(lives: Lives) -> list[str]:
    """Items that belong to a pair of identities."""
    return [item["pk"] for _, item in lives.everything() if item["pk"].startswith(("PAIR#", "UNRECEIVED#"))]


def test_it_is_gone_before_it_is_removed(lives: Lives) -> None:
    one, other = lives.person(), lives.person()
    relationship_id = one.relate(other)
    one.send(other)
    other.send(one)
    dissolve(one, other, relationship_id)
    lives.pass_time(days=29.9)
    for who, peer in ((one, other), (other, one)):
        assert answers(who, peer) == {
            "send": "relationshipToRecipientNotActive",
            "notify": "relationshipToRecipientIsNotInCorrectStatus",
            "flags": 200,
            "list": 1,
        }

    for is_removed in (False, True):
        lives.pass_time(days=0.2)
        if is_removed:
            lives.remove_expired()
        for who, peer in ((one, other), (other, one)):
            assert answers(who, peer) == {
                "send": "noRelationshipToRecipientExists",
                "notify": "noRelationshipToOneOrMoreRecipientsExists",
                "flags": 200 if peer is other else 404,  # who has fetched a template of the other may see them
                "list": 0,
            }
    assert counters(lives) == []


def test_a_new_relationship_begins_with_a_new_count(lives: Lives) -> None:
    """messages.md §3.1, 4: what is anonymous does not count; the counter of before may be there still"""
    one, other = lives.person(), lives.person()
    relationship_id = one.relate(other)
    for _ in range(15):
        one.send(other)
    dissolve(one, other, relationship_id)

    one.relate(other)
    for _ in range(20):
        one.send(other)

    assert one.refusal("POST", "/Messages", message_to(other)) == "maxNumberOfUnreceivedMessagesReached"
    lives.pass_time(days=40)
    lives.remove_expired()
    assert one.refusal("POST", "/Messages", message_to(other)) == "maxNumberOfUnreceivedMessagesReached"
    other.inbox()
    one.send(other)


def test_a_pair_stays_as_long_as_it_has_an_older_relationship(lives: Lives) -> None:
    """relationships.md §11.14: what was rejected is open again while it is decomposed, whatever became of others"""
    one, other = lives.person(), lives.person()
    rejected = one.ask(other)
    other.act(rejected, "Reject")
    younger = one.relate(other)
    dissolve(one, other, younger)
    lives.pass_time(days=31)
    lives.remove_expired()

    assert one.refusal("POST", "/Messages", message_to(other)) == "relationshipToRecipientNotActive"
    one.act(rejected, "Decompose")
    body = {"relationshipTemplateId": other.template(), "creationContent": "AQID"}
    assert one.refusal("POST", "/Relationships", body) == "relationshipToTargetAlreadyExists"
    other.act(rejected, "Decompose")
    lives.pass_time(days=31)
    lives.remove_expired()

    assert counters(lives) == []


def test_what_is_told_again_of_a_removed_relationship_leaves_nothing(lives: Lives) -> None:
    one, other = lives.person(), lives.person()
    relationship_id = one.relate(other)
    one.send(other)
    dissolve(one, other, relationship_id)
    lives.pass_time(days=31)
    lives.remove_expired()

    lives.deliver_again([event for event in lives.told if event.name == "RelationshipStatusChanged"])
    lives.pass_time(days=1)
    lives.remove_expired()

    assert counters(lives) == []
