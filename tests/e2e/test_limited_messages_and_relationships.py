"""Quotas of messages and relationships in the deployed system: limits under parallel requests, and what frees them."""

from collections.abc import Callable
from typing import Any

from enmeshed.http import Response
from infra.local.stack import LocalStack
from tests.e2e.conftest import eventually, relate
from tests.e2e.test_admin import operator
from tests.e2e.test_deletion import _delete_identities, _start
from tests.e2e.test_races import at_once
from tests.people import Identity

NewIdentity = Callable[[], Identity]
KEY, BODY = "A" * 200, "AQID"


def grant(stack: LocalStack, identity: Identity, metric: str, maximum: int) -> None:
    """An individual quota per day."""
    with operator(stack) as client:
        body = {"metricKey": metric, "max": maximum, "period": "Day"}
        answer = client.post(f"/api/v1/Identities/{identity.address}/Quotas", json=body)
    assert answer.status_code == 201, answer.text


def usage(identity: Identity, metric: str) -> int:
    """As the identity itself sees it."""
    groups: list[Any] = identity.device.connection.get("/Quotas")
    [found] = [group["quotas"][0]["usage"] for group in groups if group["metricKey"] == metric]
    return int(found)


def send(sender: Identity, recipient: Identity) -> Response:
    body = {"recipients": [{"address": recipient.address, "encryptedKey": KEY}], "body": BODY, "attachments": []}
    return sender.device.connection.request("POST", "/Messages", json=body)


def test_of_many_messages_at_once_as_many_as_allowed_are_sent(stack: LocalStack, new_identity: NewIdentity) -> None:
    """messages.md §11: NumberOfSentMessages exhausted -> 429; quotas.md §5; once anonymous they count no more (§6)"""
    alice, bob = new_identity(), new_identity()
    relationship_id = relate(alice, bob)
    grant(stack, alice, "NumberOfSentMessages", 4)

    answers = at_once(*[lambda: send(alice, bob)] * 12)

    assert sorted(answer.status for answer in answers) == [201] * 4 + [429] * 8
    refused = next(answer for answer in answers if answer.status == 429)
    [exhausted] = refused.body["error"]["data"]
    assert exhausted["metricKey"] == "NumberOfSentMessages"
    assert usage(alice, "NumberOfSentMessages") == 4

    alice.device.connection.put(f"/Relationships/{relationship_id}/Terminate")
    for who in (alice, bob):
        who.device.connection.put(f"/Relationships/{relationship_id}/Decompose")
    eventually("the end of the messages", lambda: usage(alice, "NumberOfSentMessages") == 0)


def test_a_relationship_counts_until_it_is_given_up(stack: LocalStack, new_identity: NewIdentity) -> None:
    """relationships.md §12: Quota NumberOfRelationships exhausted -> 429 on POST and on Accept, not on
    Reject/Revoke/Terminate"""
    alice, bob, carol = (new_identity() for _ in range(3))
    for who in (alice, bob):
        grant(stack, who, "NumberOfRelationships", 1)
    relationship_id = relate(alice, bob)
    assert usage(alice, "NumberOfRelationships") == usage(bob, "NumberOfRelationships") == 1

    of_carol, of_alice = (who.device.templates.create({}).reference.id for who in (carol, alice))
    refused = bob.device.connection.request("POST", "/Relationships", json={"relationshipTemplateId": of_carol})
    pending = carol.device.connection.post("/Relationships", {"relationshipTemplateId": of_alice})
    not_accepted = alice.device.connection.request("PUT", f"/Relationships/{pending['id']}/Accept", json={})
    assert (refused.status, not_accepted.status) == (429, 429)

    alice.device.connection.put(f"/Relationships/{relationship_id}/Terminate")
    alice.device.connection.put(f"/Relationships/{relationship_id}/Decompose")

    assert (usage(alice, "NumberOfRelationships"), usage(bob, "NumberOfRelationships")) == (0, 1)
    accepted = alice.device.connection.request("PUT", f"/Relationships/{pending['id']}/Accept", json={})
    assert accepted.status == 200


def test_a_request_of_a_deleted_identity_is_left_to_who_was_asked(stack: LocalStack, new_identity: NewIdentity) -> None:
    """quotas.md §2: DeletionProposed: only the participant who has not decomposed; nothing stays of who was deleted"""
    alice, carol = new_identity(), new_identity()
    template_id = alice.device.templates.create({}).reference.id
    carol.device.connection.post("/Relationships", {"relationshipTemplateId": template_id})
    grant(stack, alice, "NumberOfRelationships", 5)
    assert usage(alice, "NumberOfRelationships") == 0

    _start(carol)
    _delete_identities(stack)

    eventually("one relationship more", lambda: usage(alice, "NumberOfRelationships") == 1)
    numbers = stack.client("dynamodb").scan(TableName=stack.environment()["BACKBONE_QUOTAS_TABLE"])["Items"]
    assert [item["pk"]["S"] for item in numbers if item["pk"]["S"] == carol.address] == []
