"""Sending messages over HTTP.  Contract: messages.md, sections 3.1 and 11."""

import pytest

from backbone import dynamodb
from backbone.encoding import to_base64url
from backbone.events import EventEnvelope, carried_by
from backbone.events.messages import MessageCreated
from backbone.ids import FileId
from backbone.payloads import client as s3
from backbone.quotas import Metric
from backbone.settings import settings
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import given_identity, given_relationship, usage_of
from tests.support.engine import BUCKET
from tests.unit.messages.journeys import KEY, acquaintances, listed, post, read, request_to, sent

pytestmark = pytest.mark.slow

INVALID = (400, "error.platform.validation.invalidPropertyValue")
UNPARSABLE = (400, "error.platform.inputCannotBeParsed")
NO_RELATIONSHIP = (400, "error.platform.validation.message.noRelationshipToRecipientExists")
NOT_ACTIVE = (400, "error.platform.validation.message.relationshipToRecipientNotActive")
TOO_MANY_UNRECEIVED = (400, "error.platform.validation.message.maxNumberOfUnreceivedMessagesReached")


def _stored_items() -> list[object]:
    found: list[object] = dynamodb.client().scan(TableName=settings().messages_table)["Items"]
    return found


@pytest.mark.parametrize("status", ["Active", "Pending", "Terminated"])
def test_a_message_is_accepted_on_a_usable_relationship(api: InProcessApi, status: str) -> None:
    """messages.md §11: POST on Active, Pending and Terminated relationship → 201 with exactly id and createdAt"""
    sender, recipient = new_caller(), new_caller()
    given_relationship(sender.address, recipient.address, status)

    answer = post(api, sender, recipient)

    assert answer.status == 201
    assert set(answer.result) == {"id", "createdAt"}
    assert len(answer.result["id"]) == 20
    assert answer.headers["location"].endswith(f"/api/v2/Messages/{answer.result['id']}")


def test_both_sides_of_a_relationship_may_send(api: InProcessApi) -> None:
    """messages.md §3.1, 4: youngest relationship, any direction"""
    one, other = acquaintances(1)

    assert (post(api, one, other).status, post(api, other, one).status) == (201, 201)


def test_a_recipient_to_be_deleted_gets_messages(api: InProcessApi) -> None:
    """messages.md §11: POST to a recipient in ToBeDeleted → 201"""
    sender, recipient = acquaintances(1)
    given_identity(recipient.address, "ToBeDeleted")

    assert post(api, sender, recipient).status == 201


@pytest.mark.parametrize("who", ["stranger", "oneself"])
def test_without_relationship_nothing_can_be_sent(api: InProcessApi, who: str) -> None:
    """messages.md §11: POST without relationship → 400
    error.platform.validation.message.noRelationshipToRecipientExists (§3.1: sending to oneself too)"""
    sender = new_caller()
    recipient = sender if who == "oneself" else new_caller()

    assert post(api, sender, recipient).error == NO_RELATIONSHIP
    assert _stored_items() == []


@pytest.mark.parametrize("status", ["Rejected", "Revoked", "DeletionProposed", "ReadyForDeletion"])
def test_a_relationship_that_is_over_carries_no_message(api: InProcessApi, status: str) -> None:
    """messages.md §11: POST on Rejected/Revoked/DeletionProposed/ReadyForDeletion → 400
    …relationshipToRecipientNotActive"""
    sender, recipient = new_caller(), new_caller()
    given_relationship(sender.address, recipient.address, status)

    assert post(api, sender, recipient).error == NOT_ACTIVE


def test_fetching_frees_a_slot_of_unreceived_messages(api: InProcessApi) -> None:
    """messages.md §11: With max unreceived = 20: 20 unfetched messages succeed, the 21st → 400
    …maxNumberOfUnreceivedMessagesReached; after the recipient fetched one → 201"""
    sender, recipient = acquaintances(1)
    first, *_ = (sent(api, sender, recipient) for _ in range(20))

    twenty_first = post(api, sender, recipient)
    read(api, recipient, first)
    after_one_was_fetched = post(api, sender, recipient)

    assert twenty_first.error == TOO_MANY_UNRECEIVED
    assert after_one_was_fetched.status == 201


def test_the_limit_counts_per_sender_and_recipient(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """messages.md §10, 7: the unreceived limit counts per (sender, recipient)"""
    monkeypatch.setenv("BACKBONE_MAX_UNRECEIVED_MESSAGES", "1")
    settings.cache_clear()
    sender, one, other = acquaintances(2)
    post(api, sender, one)

    assert post(api, sender, other).status == 201
    assert post(api, one, sender).status == 201
    assert post(api, sender, one).error == TOO_MANY_UNRECEIVED


def test_the_first_failing_recipient_decides(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """messages.md §3.1, 4: for each recipient, in request order: relationship, status, limit"""
    monkeypatch.setenv("BACKBONE_MAX_UNRECEIVED_MESSAGES", "1")
    settings.cache_clear()
    sender, free, full = acquaintances(2)
    over, stranger = new_caller(), new_caller()
    given_relationship(sender.address, over.address, "Rejected")
    post(api, sender, full)

    assert post(api, sender, free, full, stranger).error == TOO_MANY_UNRECEIVED
    assert post(api, sender, free, stranger, full).error == NO_RELATIONSHIP
    assert post(api, sender, over, full, stranger).error == NOT_ACTIVE
    assert post(api, sender, free, over, stranger).error == NOT_ACTIVE
    assert post(api, sender, free, full).error == TOO_MANY_UNRECEIVED


def test_one_bad_recipient_among_several_stores_nothing(api: InProcessApi) -> None:
    """messages.md §11: One bad recipient among several → nothing stored"""
    sender, good = acquaintances(1)

    assert post(api, sender, good, new_caller()).error == NO_RELATIONSHIP
    assert _stored_items() == []


def test_a_full_recipient_among_several_stores_nothing(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """messages.md §3.1, 4: the first failing recipient aborts everything; nothing is stored"""
    monkeypatch.setenv("BACKBONE_MAX_UNRECEIVED_MESSAGES", "1")
    settings.cache_clear()
    sender, full, free = acquaintances(2)
    post(api, sender, full)
    before = _stored_items()

    post(api, sender, free, full)

    assert _stored_items() == before
    assert listed(api, free) == []


A, B = (new_caller().address for _ in range(2))
WRONG_CHECKSUM = "did:e:prod.enmeshed.eu:dids:56b3f2a0c202e27229aa55"


def _recipient(address: str = A, key: bytes = KEY) -> dict[str, str]:
    return {"address": address, "encryptedKey": to_base64url(key)}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"recipients": []}, id="0 recipients"),
        pytest.param({"recipients": [_recipient(new_caller().address) for _ in range(6)]}, id="> max recipients"),
        pytest.param({"recipients": [_recipient(), _recipient()]}, id="duplicate recipient"),
        pytest.param({"recipients": [_recipient(WRONG_CHECKSUM)]}, id="invalid address"),
        pytest.param({"recipients": [_recipient("")]}, id="empty address"),
        pytest.param({"recipients": [_recipient(key=bytes(29))]}, id="encryptedKey of 29 bytes"),
        pytest.param({"recipients": [_recipient(key=bytes(301))]}, id="encryptedKey of 301 bytes"),
        pytest.param({"body": ""}, id="empty body"),
        pytest.param({"body": "A" * 13_981_016}, id="body > 10 MiB"),
        pytest.param({"attachments": [{"id": FileId.new()} for _ in range(21)]}, id="21 attachments"),
    ],
)
def test_a_message_against_the_rules_is_refused(api: InProcessApi, changes: dict[str, object]) -> None:
    """messages.md §11: POST with 0 recipients, > max recipients, duplicate recipient, invalid address, encryptedKey of
    29 or 301 bytes, empty body, body > 10 MiB, 21 attachments → 400 error.platform.validation.invalidPropertyValue"""
    answer = post(api, new_caller(), A, **changes)

    assert answer.error == INVALID
    assert _stored_items() == []


def test_recipients_may_be_left_out_like_an_empty_list(api: InProcessApi) -> None:
    """messages.md §3.1: recipients: absent = empty"""
    request = {name: value for name, value in request_to(A).items() if name == "body"}

    assert api.post("/api/v2/Messages", request, caller=new_caller()).error == INVALID


def test_a_malformed_attachment_id_has_a_code_of_its_own(api: InProcessApi) -> None:
    """messages.md §3.1, 2: each attachment id (error code here is the literal `PredicateValidator`)"""
    answer = post(api, new_caller(), A, attachments=[{"id": "TOKabc"}])

    assert answer.error == (400, "PredicateValidator")


BAD_ID = [{"id": "FILx!"}]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipients": [_recipient("x"), _recipient("x")], "body": ""}, "twice"),
        ({"recipients": [_recipient("x", b""), _recipient(B, b"")], "body": ""}, "address"),
        ({"recipients": [_recipient(A, b""), _recipient("x")], "body": ""}, "30 to 300 bytes"),
        ({"recipients": [_recipient(new_caller().address) for _ in range(6)], "body": ""}, "1 to 5 elements"),
        ({"recipients": [], "body": "", "attachments": BAD_ID}, "1 to 5 elements"),
        ({"body": "", "attachments": BAD_ID}, "10 MiB"),
        ({"attachments": [*({"id": "FILx"} for _ in range(21)), *BAD_ID]}, "attachment's id"),
        ({"attachments": [{"id": "FILx"} for _ in range(21)]}, "20 elements"),
    ],
)
def test_rules_are_checked_in_order(api: InProcessApi, changes: dict[str, object], message: str) -> None:
    """messages.md §3.1, 2: unique, each recipient's address then key, number of recipients, body, attachment ids,
    number of attachments; first failure wins"""
    answer = post(api, new_caller(), A, **changes)

    assert message in answer.json["error"]["message"]


@pytest.mark.parametrize("missing", ["body", "address", "encryptedKey", "id"])
@pytest.mark.parametrize("how", ["absent", "null", "wrong"])
def test_what_is_required_must_be_there(api: InProcessApi, missing: str, how: str) -> None:
    """messages.md §11: POST without `body` property → 400 error.platform.inputCannotBeParsed (§3.1, 1: also address,
    encryptedKey, attachment id, explicit nulls, bad base64)"""
    request = request_to(A, attachments=[{"id": "not even checked"}])
    holder = {"address": request["recipients"][0], "encryptedKey": request["recipients"][0], "id": None}
    target = request["attachments"][0] if missing == "id" else holder.get(missing, request)
    if how == "absent":
        del target[missing]
    else:
        target[missing] = None if how == "null" else {"not": "a string"}

    assert api.post("/api/v2/Messages", request, caller=new_caller()).error == UNPARSABLE


@pytest.mark.parametrize(
    "changes", [{"recipients": None}, {"attachments": None}, {"body": "%%%"}, {"recipients": [None]}]
)
def test_what_cannot_be_bound_is_unparsable(api: InProcessApi, changes: dict[str, object]) -> None:
    """messages.md §3.1, 1: explicit nulls, bad base64 → 400 error.platform.inputCannotBeParsed"""
    assert post(api, new_caller(), A, **changes).error == UNPARSABLE


def test_sending_needs_a_token(api: InProcessApi) -> None:
    """messages.md §1: otherwise 401"""
    assert api.post("/api/v2/Messages", request_to(A)).status == 401


def test_attachments_are_kept_once_and_in_order(api: InProcessApi) -> None:
    """messages.md §3.1: duplicate attachment ids: reject or de-duplicate; existence is not checked"""
    sender, recipient = acquaintances(1)
    files = ["FILb", "FILa", "FILb"]
    message_id = sent(api, sender, recipient, attachments=[{"id": file} for file in files])

    assert read(api, recipient, message_id).result["attachments"] == [{"id": "FILb"}, {"id": "FILa"}]


def test_standard_base64_is_read_and_base64url_is_written(api: InProcessApi) -> None:
    """messages.md §11: body and encryptedKey come back as base64url without padding"""
    sender, recipient = acquaintances(1)
    key = b"\xfb\xef\xff" * 11
    recipients = [{"address": recipient.address, "encryptedKey": "++//" * 11}]
    message_id = sent(api, sender, recipient, body="+/8gAA==", recipients=recipients)

    message = read(api, recipient, message_id).result

    assert message["body"] == "-_8gAA"
    assert message["recipients"][0]["encryptedKey"] == to_base64url(key)


def test_a_large_body_lives_in_s3(api: InProcessApi) -> None:
    """docs/decisions/payloads.md: above the threshold in S3, the API never shows the difference"""
    sender, recipient = acquaintances(1)
    body = to_base64url(bytes(100_000))

    message_id = sent(api, sender, recipient, body=body)

    assert read(api, recipient, message_id).result["body"] == body
    assert s3().list_objects_v2(Bucket=BUCKET)["Contents"][0]["Key"] == f"messages/{message_id}/body"


def test_the_event_names_the_recipients_and_their_relationships(api: InProcessApi) -> None:
    """messages.md §6: MessageCreated: Id, CreatedBy, Recipients: [ { Address, RelationshipId } ]"""
    sender, one, other = new_caller(), new_caller(), new_caller()
    first = given_relationship(sender.address, one.address)
    second = given_relationship(other.address, sender.address)

    message_id = sent(api, sender, one, other)

    carriers = [item for item in map(dynamodb.decode, _stored_items()) if "events" in item]  # type: ignore[arg-type]
    (form,) = [event.to_dict() for item in carriers for event in carried_by(item)]
    envelope = EventEnvelope.from_dict(form)
    event = envelope.event()
    assert envelope.id == f"{message_id}/Created"
    assert isinstance(event, MessageCreated)
    assert event.created_by == sender.address
    assert [(to.address, to.relationship_id) for to in event.recipients] == [
        (one.address, first.id),
        (other.address, second.id),
    ]
    assert [to.sent_while_active for to in event.recipients] == [True, True]


@pytest.mark.parametrize("status", ["Pending", "Terminated"])
def test_the_event_says_when_a_relationship_was_not_active(api: InProcessApi, status: str) -> None:
    """messages.md §6: what was sent on it waits until it is"""
    sender, recipient = new_caller(), new_caller()
    given_relationship(sender.address, recipient.address, status)

    sent(api, sender, recipient)

    carriers = [item for item in map(dynamodb.decode, _stored_items()) if "events" in item]  # type: ignore[arg-type]
    (event,) = [envelope.event() for item in carriers for envelope in carried_by(item)]
    assert isinstance(event, MessageCreated)
    assert [to.sent_while_active for to in event.recipients] == [False]


@pytest.mark.parametrize("number", [48, 49])
def test_a_message_may_go_to_many(api: InProcessApi, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """messages.md §1: MaxNumberOfMessageRecipients is the operator's choice; one transaction holds 48 recipients"""
    monkeypatch.setenv("BACKBONE_MAX_MESSAGE_RECIPIENTS", "1000")
    settings.cache_clear()
    sender, *recipients = acquaintances(number)
    given_identity(sender.address)  # whose messages are counted

    message_id = sent(api, sender, *recipients)

    assert usage_of(sender.address, Metric.NUMBER_OF_SENT_MESSAGES)["total"] == 1
    shown = read(api, sender, message_id).result["recipients"]
    assert [recipient["address"] for recipient in shown] == [recipient.address for recipient in recipients]
    assert listed(api, recipients[-1]) == [message_id]
    assert read(api, recipients[0], message_id).result["recipients"][0]["receivedAt"] is not None


def test_a_message_to_many_that_fails_late_leaves_nothing(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """messages.md §3.1, 4: the first failing recipient aborts everything; nothing is stored"""
    monkeypatch.setenv("BACKBONE_MAX_MESSAGE_RECIPIENTS", "1000")
    monkeypatch.setenv("BACKBONE_MAX_UNRECEIVED_MESSAGES", "1")
    settings.cache_clear()
    monkeypatch.setattr("functions.messages.store.RECIPIENTS_PER_TRANSACTION", 3)
    sender, *recipients = acquaintances(8)
    post(api, sender, recipients[7])

    refused = post(api, sender, *recipients)

    assert refused.error == TOO_MANY_UNRECEIVED
    assert listed(api, recipients[0]) == []
    assert post(api, sender, recipients[0]).status == 201
