"""Deletions against what others do at the same time, against DynamoDB Local."""

import pytest

from backbone import clock
from backbone.ids import IdentityDeletionProcessId
from functions.messages.domain import RelationshipToRecipientNotActive
from tests.support.api import InProcessApi
from tests.unit.messages.deletion_scenes import (
    PSEUDONYM,
    Circle,
    left,
    relationships_are_left,
    stored_items,
    traces,
)
from tests.unit.messages.journeys import given_message, listed, read
from tests.unit.messages.test_decomposition import decomposed
from tests.unit.messages.test_races import at_once

pytestmark = pytest.mark.local_dynamodb
MESSAGES = 4


@pytest.fixture
def circle(local_dynamodb: None) -> Circle:
    return Circle(InProcessApi(["messages"]))


def test_sender_and_recipients_are_deleted_at_once(circle: Circle) -> None:
    """messages.md §5 B, 4: whoever comes last makes the orphan, exactly once"""
    ids = {circle.sent() for _ in range(MESSAGES)}

    at_once(
        lambda: left(circle.s, circle.r1, circle.to_r1),
        lambda: left(circle.s, circle.r2, circle.to_r2),
        lambda: left(circle.r1, circle.s, circle.to_r1),
        lambda: left(circle.r2, circle.s, circle.to_r2),
    )

    assert [traces(who) for who in (circle.s, circle.r1, circle.r2)] == [[], [], []]
    marked = {item["pk"] for item in stored_items() if "MessageOrphaned" in item.get("events", "")}
    assert marked == ids


def test_a_deletion_and_the_survivors_decomposition(circle: Circle) -> None:
    sent, answered = [circle.sent() for _ in range(MESSAGES)], [circle.answered() for _ in range(MESSAGES)]

    at_once(
        lambda: left(circle.r1, circle.s, circle.to_r1),
        lambda: decomposed(circle.s, circle.r1, circle.to_r1),
    )

    assert traces(circle.r1) == []
    assert sorted(listed(circle.api, circle.s)) == sorted(sent)
    for message_id in sent:
        assert circle.seen_by(circle.s, message_id) == (circle.s.address, [PSEUDONYM, circle.r2.address])
    for message_id in answered:
        assert circle.seen_by(circle.s, message_id) is None


def test_a_deletion_and_receipts(circle: Circle) -> None:
    """messages.md §5: receivedAt, receivedByDevice … stay as they are"""
    ids = [circle.sent() for _ in range(MESSAGES)]

    answers, _ = at_once(
        lambda: [read(circle.api, circle.r1, message_id) for message_id in ids],
        lambda: left(circle.r1, circle.s, circle.to_r1),
    )

    for message_id, answer in zip(ids, answers, strict=True):
        noted = read(circle.api, circle.s, message_id).result["recipients"][0]
        assert noted["address"] == PSEUDONYM
        assert (noted["receivedAt"] is not None) == (answer.status == 200)
        if answer.status == 200:
            assert {**answer.result["recipients"][0], "address": PSEUDONYM} == noted


def test_a_deletion_and_messages_on_their_way(circle: Circle) -> None:
    """What is stored before is anonymous, what comes after is refused"""

    def send() -> None:
        for sender, recipient in ((circle.s, circle.r1), (circle.r1, circle.s)):
            try:
                given_message(sender, [recipient], relationship_ids=[circle.to_r1], created_at=clock.now())
            except RelationshipToRecipientNotActive:
                continue

    at_once(*[send] * 6, lambda: left(circle.r1, circle.s, circle.to_r1), *[send] * 6)

    assert traces(circle.r1) == []
    for message_id in listed(circle.api, circle.s):
        assert PSEUDONYM in str(circle.seen_by(circle.s, message_id))


def test_the_end_and_the_relationships_share_the_work(circle: Circle) -> None:
    ids = [circle.sent() for _ in range(MESSAGES)]

    at_once(
        lambda: left(circle.s, circle.r1, circle.to_r1),
        lambda: left(circle.s, circle.r2, circle.to_r2),
        lambda: relationships_are_left(circle.s, IdentityDeletionProcessId.new()),
    )

    assert traces(circle.s) == []
    assert sorted(listed(circle.api, circle.r1)) == sorted(ids)
