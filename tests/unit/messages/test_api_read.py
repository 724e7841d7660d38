"""Reading single messages over HTTP.  Contract: messages.md, sections 3.2, 3.4 and 11."""

import re

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from backbone.encoding import to_base64url
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import given_relationship
from tests.unit.messages.journeys import BODY, KEY, acquaintances, post, read, request_to, sent

NOT_FOUND = (404, "error.platform.recordNotFound")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def test_a_recipient_receives_by_reading(api: InProcessApi) -> None:
    """messages.md §11: GET by recipient sets receivedAt and receivedByDevice and returns them in the same response; a
    second GET from another device does not change them"""
    sender, recipient = acquaintances(1)
    other_device = type(recipient)(recipient.address, new_caller().device_id, "test")
    message_id = sent(api, sender, recipient)

    first = read(api, recipient, message_id).result
    second = read(api, other_device, message_id).result

    (shown,) = first["recipients"]
    assert shown["receivedByDevice"] == recipient.device_id
    assert TIMESTAMP.fullmatch(shown["receivedAt"])
    assert second == first


def test_the_sender_receives_nothing_by_reading(api: InProcessApi) -> None:
    """messages.md §11: GET by sender does not set receivedAt"""
    sender, recipient = acquaintances(1)
    message_id = sent(api, sender, recipient)

    for _ in range(2):
        (shown,) = read(api, sender, message_id).result["recipients"]
        assert (shown["receivedAt"], shown["receivedByDevice"]) == (None, None)


def test_the_sender_sees_who_has_received(api: InProcessApi) -> None:
    """messages.md §10, 6: the sender sees receivedAt only by fetching the message again"""
    sender, one, other = acquaintances(2)
    message_id = sent(api, sender, one, other)
    received = read(api, one, message_id).result["recipients"][0]

    shown = read(api, sender, message_id).result["recipients"]

    assert shown[0] == received
    assert shown[1]["receivedAt"] is None


def test_a_message_has_these_members(api: InProcessApi) -> None:
    """messages.md §3.4: message object; nullable properties are present with null"""
    sender, one, other = acquaintances(2)
    answer = post(api, sender, other, one, attachments=[{"id": "FILaaaaaaaaaaaaaaaaa"}])

    assert read(api, sender, answer.result["id"]).json == {
        "result": {
            "id": answer.result["id"],
            "createdAt": answer.result["createdAt"],
            "createdBy": sender.address,
            "createdByDevice": sender.device_id,
            "body": to_base64url(BODY),
            "attachments": [{"id": "FILaaaaaaaaaaaaaaaaa"}],
            "recipients": [
                {
                    "address": who.address,
                    "encryptedKey": to_base64url(KEY),
                    "receivedAt": None,
                    "receivedByDevice": None,
                }
                for who in (other, one)
            ],
        }
    }


def test_a_recipient_sees_himself_only(api: InProcessApi) -> None:
    """messages.md §11: Recipient sees exactly one recipient entry (himself); sender sees all"""
    sender, one, other = acquaintances(2)
    message_id = sent(api, sender, one, other)

    assert [shown["address"] for shown in read(api, other, message_id).result["recipients"]] == [other.address]
    assert len(read(api, sender, message_id).result["recipients"]) == 2


def test_a_third_party_sees_nothing(api: InProcessApi) -> None:
    """messages.md §11: GET by a third party → 404 error.platform.recordNotFound; malformed id → 400"""
    sender, recipient = acquaintances(1)
    message_id = sent(api, sender, recipient)

    answer = read(api, new_caller(), message_id)

    assert answer.error == NOT_FOUND
    assert answer.json["error"]["message"].startswith("Message not found.")


@pytest.mark.parametrize("message_id", ["MSG", "MSGabc", "MSG" + "x" * 17])
def test_an_unknown_message_is_not_found(api: InProcessApi, message_id: str) -> None:
    """messages.md §1: shorter ids with the right prefix pass; §3.2: not existing → 404"""
    assert read(api, new_caller(), message_id).error == NOT_FOUND


@pytest.mark.parametrize("message_id", ["msgabc", "TOKabc", "MSG" + "x" * 18, "MSG_"])
def test_a_malformed_id_is_refused(api: InProcessApi, message_id: str) -> None:
    """messages.md §11: GET by a third party → 404; malformed id → 400"""
    answer = read(api, new_caller(), message_id)

    assert answer.error == (400, "error.platform.validation.invalidPropertyValue")


@pytest.mark.parametrize("value", ["true", "false", "True", ""])
def test_no_body_is_ignored(api: InProcessApi, value: str) -> None:
    """messages.md §11: GET with noBody=true still returns body"""
    sender, recipient = acquaintances(1)
    message_id = sent(api, sender, recipient)

    assert read(api, recipient, message_id, query={"noBody": value}).result["body"] == to_base64url(BODY)


def test_no_body_must_be_a_boolean(api: InProcessApi) -> None:
    """messages.md §3.2: non-boolean → 400 error.platform.inputCannotBeParsed (before the id's format)"""
    answer = read(api, new_caller(), "TOKabc", query={"noBody": "perhaps"})

    assert answer.error == (400, "error.platform.inputCannotBeParsed")


def test_reading_needs_a_token(api: InProcessApi) -> None:
    """messages.md §1: otherwise 401"""
    assert api.get("/api/v2/Messages/MSGabc").status == 401


def test_messages_cannot_be_deleted(api: InProcessApi) -> None:
    """messages.md §11: DELETE /Messages/{id} does not exist."""
    assert api.delete("/api/v2/Messages/MSGabc", caller=new_caller()).status in (404, 405)


@pytest.mark.parametrize("status", ["Pending", "Terminated", "Rejected"])
def test_the_status_of_the_relationship_hides_nothing(api: InProcessApi, status: str) -> None:
    """messages.md §4: Termination, reactivation, rejection or revocation of the relationship do not change visibility
    of stored messages"""
    sender, recipient = new_caller(), new_caller()
    given_relationship(sender.address, recipient.address, "Pending")
    message_id = sent(api, sender, recipient)
    given_relationship(sender.address, recipient.address, status)

    assert read(api, recipient, message_id).status == 200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=40) | st.sampled_from(["FILa", "AAAA"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["address", "id"]), inner, max_size=3),
    max_leaves=6,
)


@hypothesis_settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(member=st.sampled_from(["recipients", "body", "attachments", "extra"]), value=json_values)
def test_hostile_input_is_refused_not_stumbled_over(api: InProcessApi, member: str, value: object) -> None:
    """http-common.md §2: binding errors and rules are 400, never 500"""
    request = {**request_to(new_caller()), member: value}

    assert api.post("/api/v2/Messages", request, caller=new_caller()).status in (400, 201)


@hypothesis_settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.dictionaries(st.sampled_from(["ids", "pageNumber", "PageSize"]), st.text(max_size=25), max_size=3))
def test_hostile_queries_are_refused_not_stumbled_over(api: InProcessApi, query: dict[str, str]) -> None:
    """http-common.md §4: never 500"""
    assert api.get("/api/v2/Messages", caller=new_caller(), query=query).status in (200, 400)
