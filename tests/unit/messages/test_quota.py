"""How many messages an identity may send.  Contract: quotas.md; messages.md, sections 3.1, 6 and 11."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from backbone import clock
from backbone.addresses import anonymised_address
from backbone.caller import Caller
from backbone.dynamodb import Write, client, write
from backbone.ids import QUEUED_FOR_DELETION_TIER, DeviceId, MessageId, RelationshipId
from backbone.quotas import Metric, Period
from backbone.quotas import store as usage
from backbone.quotas.periods import window_of
from backbone.settings import settings
from functions.messages.domain import Message, Recipient
from functions.messages.store import MessageStore
from tests.support.api import Answer, InProcessApi, new_caller
from tests.support.builders import (
    LONG_AGO,
    given_identity,
    given_individual_quota,
    given_relationship,
    given_tier_quota,
    usage_of,
)
from tests.support.engine import DOMAIN
from tests.unit.messages.journeys import acquaintances, given_message, listed, post, sent
from tests.unit.messages.test_decomposition import decomposed
from tests.unit.messages.test_races import at_once

pytestmark = pytest.mark.slow

SENT = Metric.NUMBER_OF_SENT_MESSAGES
EXHAUSTED = (429, "error.platform.quotaExhausted")
END_OF_TIME = "9999-12-31T23:59:59.9999999"


def counted_acquaintances(number: int) -> tuple[Caller, ...]:
    """Somebody whose messages are counted, and others he may send to."""
    people = acquaintances(number)
    given_identity(people[0].address)
    return people


def sent_by(sender: Caller) -> int:
    return usage_of(sender.address, SENT).get("total", 0)


def exhaustion(answer: Answer) -> Any:
    assert answer.error == EXHAUSTED
    return answer.json["error"]["data"]


def test_who_has_sent_as_many_as_allowed_sends_no_more(api: InProcessApi) -> None:
    """messages.md §11: NumberOfSentMessages exhausted -> 429 error.platform.quotaExhausted"""
    sender, recipient = counted_acquaintances(1)
    given_tier_quota(SENT, 2, Period.DAY)

    answers = [post(api, sender, recipient) for _ in range(3)]

    assert [answer.status for answer in answers] == [201, 201, 429]
    until = window_of(Period.DAY, clock.now()).rendered_end
    assert exhaustion(answers[2]) == [{"metricKey": "NumberOfSentMessages", "isExhaustedUntil": until}]
    assert len(listed(api, recipient)) == 2
    assert sent_by(sender) == 2


def test_a_message_counts_once_whatever_the_number_of_recipients(api: InProcessApi) -> None:
    """quotas.md §2: messages with `createdBy = X` (one per message, not per recipient)"""
    sender, *recipients = counted_acquaintances(3)

    for _ in range(2):
        sent(api, sender, *recipients)

    assert sent_by(sender) == 2
    assert all(sent_by(recipient) == 0 for recipient in recipients)


def test_an_identity_to_be_deleted_sends_nothing(api: InProcessApi) -> None:
    """quotas.md, checklist: starting a deletion process -> POST Messages -> 429 with year 9999; messages.md §3.1: A
    sender in deletion is stopped only by its tier's quotas of 0 (429)"""
    sender, recipient = acquaintances(1)
    given_identity(sender.address, "ToBeDeleted", tier_id=QUEUED_FOR_DELETION_TIER)

    refused = post(api, sender, recipient)

    assert exhaustion(refused) == [{"metricKey": "NumberOfSentMessages", "isExhaustedUntil": END_OF_TIME}]


def test_an_individual_quota_beats_the_tiers(api: InProcessApi) -> None:
    """quotas.md, checklist: individual quota with larger max than an exhausted tier quota -> next request allowed
    immediately"""
    sender, recipient = counted_acquaintances(1)
    given_tier_quota(SENT, 0)
    assert post(api, sender, recipient).error == EXHAUSTED

    given_individual_quota(sender.address, SENT, 1, Period.MONTH)

    assert [post(api, sender, recipient).status for _ in range(2)] == [201, 429]


def test_what_is_wrong_with_a_request_is_told_first(api: InProcessApi) -> None:
    """http-common.md §2: binding and rules of the input come before the quota, everything else after it"""
    sender, recipient = counted_acquaintances(1)
    given_tier_quota(SENT, 0)

    assert post(api, sender, recipient, body="").error[0] == 400
    assert api.post("/api/v2/Messages", {}, caller=sender).error[0] == 400
    assert post(api, sender, recipient).error == EXHAUSTED


@pytest.mark.parametrize("status", [None, "Rejected"])
def test_an_exhausted_quota_is_told_before_what_is_wrong_with_a_relationship(
    api: InProcessApi, status: str | None
) -> None:
    """messages.md §1: body binding -> validator -> quota -> handler"""
    sender, recipient = new_caller(), new_caller()
    given_identity(sender.address)
    given_tier_quota(SENT, 0)
    if status is not None:
        given_relationship(sender.address, recipient.address, status)

    assert post(api, sender, recipient).error == EXHAUSTED


def test_a_refused_message_is_not_counted(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """messages.md §11: One bad recipient among several -> nothing stored"""
    monkeypatch.setenv("BACKBONE_MAX_UNRECEIVED_MESSAGES", "1")
    settings.cache_clear()
    sender, recipient, other = counted_acquaintances(2)
    sent(api, sender, recipient)

    assert post(api, sender, other, recipient).status == 400
    assert post(api, sender, other, new_caller()).status == 400

    assert sent_by(sender) == 1


def test_an_exhausted_quota_puts_nothing_to_s3(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKBONE_INLINE_PAYLOAD_BYTES", "0")
    settings.cache_clear()
    sender, recipient = counted_acquaintances(1)
    given_tier_quota(SENT, 0)

    def put(*_: object, **__: object) -> dict[str, Any]:
        raise AssertionError("in vain")

    monkeypatch.setattr("functions.messages.store.payloads.attributes", put)
    assert post(api, sender, recipient).error == EXHAUSTED


def test_a_message_to_many_that_comes_too_late_leaves_nothing(
    api: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """quotas.md §5: another message of the sender was faster, after this one had reached the first recipients"""
    monkeypatch.setattr("functions.messages.store.RECIPIENTS_PER_TRANSACTION", 2)
    sender, *recipients = counted_acquaintances(5)
    given_tier_quota(SENT, 1)
    committing = MessageStore._commit

    def overtaken(self: MessageStore, message: Message, to: Sequence[Recipient]) -> list[Write]:
        write(usage.counting(sender.address, SENT, 1, now=clock.now(), created_at=clock.now()))
        return committing(self, message, to)

    monkeypatch.setattr(MessageStore, "_commit", overtaken)

    assert post(api, sender, *recipients).error == EXHAUSTED

    assert MessageStore().unreceived(sender.address, [one.address for one in recipients]) == [0] * 5
    assert [entry for one in recipients for entry in listed(api, one)] == []


def exchanged(sender: Caller, recipients: Sequence[Caller], **changes: Any) -> list[RelationshipId]:
    """A message that was sent and counted; the relationships it was sent on."""
    ids = [RelationshipId.new() for _ in recipients]
    message = given_message(sender, recipients, relationship_ids=ids, **changes)
    write(usage.counting(sender.address, SENT, 1, now=clock.now(), created_at=message.created_at))
    return ids


def test_a_message_that_becomes_anonymous_no_longer_counts(engine: str) -> None:
    """messages.md §6: Anonymised senders' messages no longer count"""
    sender, one, other = new_caller(), new_caller(), new_caller()
    to_one, to_other = exchanged(sender, [one, other], created_at=clock.now())
    now = clock.now()

    for by, peer, id in ((sender, one, to_one), (one, sender, to_one), (other, sender, to_other)):
        decomposed(by, peer, id)
        assert sent_by(sender) == 1
    decomposed(sender, other, to_other)

    assert sent_by(sender) == 0
    assert usage_of(sender.address, SENT)[window_of(Period.YEAR, now).name] == 0
    decomposed(sender, other, to_other)
    assert sent_by(sender) == 0


def test_an_old_message_that_becomes_anonymous_counts_in_no_window_of_today(moto: None) -> None:
    sender, recipient = new_caller(), new_caller()
    [id] = exchanged(sender, [recipient], created_at=LONG_AGO)
    write(usage.counting(sender.address, SENT, 1, now=clock.now(), created_at=clock.now()))

    decomposed(sender, recipient, id)
    decomposed(recipient, sender, id)

    assert set(usage_of(sender.address, SENT).values()) == {1}


def test_nothing_comes_back_of_a_sender_that_was_deleted(moto: None) -> None:
    """docs/decisions/quotas.md: what is left of a deleted identity counts for nobody"""
    sender, recipient = new_caller(), new_caller()
    [id] = exchanged(sender, [recipient])
    usage.table().delete(usage.metric_key(sender.address, SENT))

    decomposed(sender, recipient, id)
    decomposed(recipient, sender, id)

    assert client().scan(TableName=settings().quotas_table)["Items"] == []
    [message] = [item for item in client().scan(TableName=settings().messages_table)["Items"] if item["sk"]["S"] == "M"]
    assert message["createdBy"]["S"] == anonymised_address(DOMAIN)


def test_an_id_tells_when_its_message_was_created() -> None:
    for instant in (LONG_AGO, clock.now(), LONG_AGO + timedelta(days=36_000)):
        assert MessageId.at(instant).instant == instant


@pytest.mark.local_dynamodb
def test_of_fifty_messages_at_once_exactly_ten_are_sent(local_dynamodb: None) -> None:
    """quotas.md §5, and stricter: 50 parallel requests against a quota of 10 let exactly 10 through"""
    api = InProcessApi(["messages"])
    sender, *recipients = counted_acquaintances(5)
    given_tier_quota(SENT, 10, Period.HOUR)
    devices = [Caller(sender.address, DeviceId.new(), "test") for _ in range(2)]

    answers = at_once(*(lambda n=n: post(api, devices[n % 2], recipients[n % 5]) for n in range(50)))

    statuses = [answer.status for answer in answers]
    assert (statuses.count(201), statuses.count(429)) == (10, 40)
    assert sent_by(sender) == 10
    assert len(listed(api, sender)) == 10
    assert sum(MessageStore().unreceived(sender.address, [one.address for one in recipients])) == 10
