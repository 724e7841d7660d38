"""What operators see of an identity's relationships, messages and tokens in the deployed system."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from enmeshed.protocol.encoding import utc_now
from infra.local.stack import CLIENT_ID, CLIENT_SECRET, LocalStack
from tests.e2e.conftest import eventually, relate
from tests.e2e.test_admin import operator
from tests.people import Identity

NewIdentity = Callable[[], Identity]
LARGE = {"large": "x" * 400_000}


@pytest.fixture(scope="module")
def pair(stack: LocalStack) -> tuple[Identity, Identity, str]:
    """Alice, Bob, who asked her for a relationship, and its id."""
    alice, bob = (Identity.create(stack.base_url, CLIENT_ID, CLIENT_SECRET) for _ in range(2))
    return alice, bob, relate(alice, bob)


def listed(stack: LocalStack, path: str, **query: Any) -> Any:
    with operator(stack) as client:
        answer = client.get(f"/api/v1/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_relationships_of_an_identity(stack: LocalStack, pair: tuple[Identity, Identity, str]) -> None:
    """admin-api.md §19: `GET /Relationships?participant=` sorted, `requestedBy` Self/Peer; without one -> 400"""
    alice, bob, relationship_id = pair
    relationship = bob.device.connection.get(f"/Relationships/{relationship_id}")

    [of_alice] = eventually(
        "her relationship", lambda: listed(stack, "Relationships", participant=alice.address)["result"]
    )
    [of_bob] = eventually("his relationship", lambda: listed(stack, "Relationships", participant=bob.address)["result"])

    assert (of_alice["peer"], of_alice["requestedBy"]) == (bob.address, "Peer")
    assert (of_bob["peer"], of_bob["requestedBy"]) == (alice.address, "Self")
    assert of_bob == {
        "peer": alice.address,
        "requestedBy": "Self",
        "templateId": relationship["relationshipTemplateId"],
        "status": "Active",
        "creationDate": relationship["createdAt"],
        "answeredAt": relationship["auditLog"][1]["createdAt"],
        "createdByDevice": bob.device.device_id,
        "answeredByDevice": alice.device.device_id,
    }
    with operator(stack) as client:
        assert client.get("/api/v1/Relationships").status_code == 400


def test_messages_of_an_identity(stack: LocalStack, pair: tuple[Identity, Identity, str]) -> None:
    """admin-api.md §19: `GET /Messages?participant=&type=Incoming|Outgoing` -> 200; `type=InvalidType` -> 400"""
    alice, bob, relationship_id = pair
    sent = [alice.device.messages.send([bob.address], {"number": n}).id for n in range(3)]
    sent_back = bob.device.messages.send([alice.address], LARGE).id

    outgoing = listed(stack, "Messages", participant=alice.address, type="Outgoing", PageSize=2)
    incoming = listed(stack, "Messages", participant=alice.address, type="Incoming")

    assert [message["messageId"] for message in outgoing["result"]] == sent[:2]
    assert outgoing["pagination"] == {"pageNumber": 1, "pageSize": 2, "totalPages": 2, "totalRecords": 3}
    [message] = incoming["result"]
    assert (message["messageId"], message["senderAddress"]) == (sent_back, bob.address)
    [recipient] = message["recipients"]
    assert (recipient["address"], recipient["relationshipId"]) == (alice.address, relationship_id)
    assert recipient["receivedAt"] is None
    with operator(stack) as client:
        query = {"participant": alice.address, "type": "InvalidType"}
        assert client.get("/api/v1/Messages", params=query).status_code == 400


def test_tokens_of_an_identity(stack: LocalStack, pair: tuple[Identity, Identity, str]) -> None:
    """admin-api.md §19: `GET /Tokens?createdBy=&PageNumber=1&PageSize=5` ...; `PATCH
    /Tokens/TOKANonExistingIdxxx/ResetAccessFailedCount` -> 404; on a locked token -> 204"""
    alice, bob, _ = pair
    for content in ({"small": 1}, LARGE):
        alice.device.tokens.create(content, expires_at=utc_now() + timedelta(minutes=5))

    tokens = eventually(
        "both tokens",
        lambda: (found := listed(stack, "Tokens", createdBy=alice.address)["result"]) and found[1:] and found,
    )

    assert [token["createdBy"] for token in tokens] == [alice.address] * 2
    assert len(tokens[0]["content"]) < 1000 < 400_000 < len(tokens[1]["content"])
    paged = {"PageNumber": 1, "PageSize": 5}
    assert listed(stack, "Tokens", createdBy=bob.address, **paged) == {"result": []}
    with operator(stack) as client:
        unlocked = client.patch(f"/api/v1/Tokens/{tokens[0]['id']}/ResetAccessFailedCount")
        unknown = client.patch("/api/v1/Tokens/TOKANonExistingIdxxx/ResetAccessFailedCount")
    assert (unlocked.status_code, unknown.status_code) == (204, 404)


def test_a_list_larger_than_a_function_may_answer(stack: LocalStack, new_identity: NewIdentity) -> None:
    """admin-api.md §3.2: Tokens: everything on one page (docs/decisions/large-responses.md)"""
    carol = new_identity()
    for _ in range(2):
        carol.device.tokens.create({"huge": 2_500_000 * "x"}, expires_at=utc_now() + timedelta(minutes=5))

    def sizes() -> list[int] | None:
        with operator(stack) as client:
            answer = client.get("/api/v1/Tokens", params={"createdBy": carol.address}, follow_redirects=True)
        assert answer.status_code == 200, answer.text[:300]
        found = [len(token["content"]) for token in answer.json()["result"]]
        return found if len(found) == 2 else None

    assert min(eventually("both tokens", sizes)) > 3_000_000
