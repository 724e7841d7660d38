"""Messages for operators, over HTTP.  Contract: admin-api.md, sections 3.2, 11.3 and 19; messages.md §9."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from backbone import clock
from backbone.addresses import Address, anonymised_address
from backbone.caller import Caller
from backbone.dynamodb import Item, Table, client
from backbone.ids import MessageId, RelationshipId
from backbone.readmodels.relationships import pair_key
from backbone.readmodels.relationships import table as relationships_table
from backbone.settings import settings
from functions.messages import items
from functions.messages.mailbox_store import MailboxStore
from tests.support.api import Answer, InProcessApi, new_caller
from tests.support.builders import LONG_AGO
from tests.support.engine import DOMAIN
from tests.support.metering import metered
from tests.unit.messages.journeys import BODY, KEY, acquaintances, given_message, put_all, read, sent
from tests.unit.messages.test_decomposition import decomposed

MESSAGES = "/api/v1/Messages"
INVALID = (400, "error.platform.validation.invalidPropertyValue")
INVALID_PAGE_SIZE = (400, "error.platform.validation.pagination.invalidPageSize")
UNPARSABLE = (400, "error.platform.inputCannotBeParsed")
NOBODY = "did:e:localhost:dids:nobody"


@pytest.fixture
def admin(moto: None) -> InProcessApi:
    """Messages for operators, on the same tables as `api`."""
    return InProcessApi(["messages"], admin=True)


def listed(admin: InProcessApi, participant: Caller, type: str, **query: object) -> Answer:
    return admin.get(MESSAGES, query={"participant": participant.address, "type": type, **query})


def ids(answer: Answer) -> list[str]:
    return [message["messageId"] for message in answer.result]


def test_nobody_gets_in_without_a_key(admin: InProcessApi) -> None:
    """admin-api.md §19: any endpoint without `X-API-KEY` -> 401, empty body"""
    answer = admin.get(MESSAGES, query={"participant": NOBODY, "type": "Incoming"}, headers={"X-API-KEY": "TEST"})

    assert (answer.status, answer.body) == (401, "")


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"type": "Incoming"}, UNPARSABLE),
        ({"participant": "", "type": "Incoming"}, UNPARSABLE),
        ({"participant": NOBODY}, UNPARSABLE),
        ({"participant": NOBODY, "type": ""}, UNPARSABLE),
        ({"participant": NOBODY, "type": "InvalidType"}, INVALID),
        ({"participant": NOBODY, "type": "incoming"}, INVALID),
        ({"participant": NOBODY, "type": "Incoming", "PageSize": 201}, INVALID_PAGE_SIZE),
        ({"participant": NOBODY, "type": "InvalidType", "PageSize": 201}, INVALID_PAGE_SIZE),
        ({"participant": NOBODY, "type": "Incoming", "PageNumber": 0}, INVALID),
        ({"participant": NOBODY, "type": "Incoming", "PageSize": 0}, INVALID),
        ({"participant": NOBODY, "type": "Incoming", "PageNumber": "first"}, UNPARSABLE),
    ],
)
def test_what_the_list_refuses(admin: InProcessApi, query: dict[str, str], error: tuple[int, str]) -> None:
    """admin-api.md §19: `type=InvalidType` -> 400 `error.platform.validation.invalidPropertyValue`; `PageSize=201` ->
    400 `error.platform.validation.pagination.invalidPageSize`; §11.3: missing -> 400 `inputCannotBeParsed`"""
    assert admin.get(MESSAGES, query=query).error == error


@pytest.mark.parametrize("type", ["Incoming", "Outgoing"])
@pytest.mark.parametrize("participant", [NOBODY, "x" * 3000, anonymised_address(DOMAIN), new_caller().address])
def test_who_is_unknown_has_no_messages(admin: InProcessApi, participant: str, type: str) -> None:
    """admin-api.md §17, 8: Malformed addresses: ... empty list for relationships/messages/tokens"""
    assert admin.get(MESSAGES, query={"participant": participant, "type": type}).json == {"result": []}


def test_a_message_as_both_sides_have_it(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §19: `GET /Messages?participant=&type=Incoming|Outgoing` -> 200; §11.3: Fields: `messageId`,
    `senderAddress`, `senderDevice`, `sendDate`, `numberOfAttachments`, `recipients`.  Content is never returned"""
    sender, one, other = acquaintances(2)
    attachments = [{"id": "FIL00000000000000001"}, {"id": "FIL00000000000000002"}]
    message_id = sent(api, sender, one, other, attachments=attachments)
    received_at = read(api, other, message_id).result["recipients"][0]["receivedAt"]
    message = read(api, sender, message_id).result

    expected = {
        "messageId": message_id,
        "senderAddress": sender.address,
        "senderDevice": sender.device_id,
        "sendDate": message["createdAt"],
        "numberOfAttachments": 2,
        "recipients": [
            {
                "id": position + 1,
                "messageId": message_id,
                "relationshipId": relationship_between(sender, recipient),
                "address": recipient.address,
                "receivedAt": received_at if recipient is other else None,
            }
            for position, recipient in enumerate((one, other))
        ],
    }
    assert listed(admin, sender, "Outgoing").json == {"result": [expected]}
    assert listed(admin, one, "Incoming").json == {"result": [expected]}
    assert listed(admin, other, "Incoming").json == {"result": [expected]}
    assert listed(admin, sender, "Incoming").json == listed(admin, one, "Outgoing").json == {"result": []}


def relationship_between(sender: Caller, recipient: Caller) -> str:
    pair = relationships_table().get(pair_key(sender.address, recipient.address))
    assert pair is not None
    return str(pair["relationshipId"])


def test_looking_at_a_list_is_no_receipt(admin: InProcessApi, api: InProcessApi) -> None:
    sender, recipient = acquaintances(1)
    message_id = sent(api, sender, recipient)
    before = client().scan(TableName=settings().messages_table)["Items"]

    listed(admin, recipient, "Incoming")

    assert client().scan(TableName=settings().messages_table)["Items"] == before
    assert read(api, sender, message_id).result["recipients"][0]["receivedAt"] is None


def test_what_one_side_has_decomposed_the_other_still_has(admin: InProcessApi) -> None:
    """messages.md §9: decomposition flags are ignored; here for the sides that still have the message"""
    sender, one, other = (new_caller() for _ in range(3))
    to_one, to_other = RelationshipId.new(), RelationshipId.new()
    message = given_message(sender, [one, other], relationship_ids=[to_one, to_other])

    decomposed(one, sender, to_one)
    for who, type in ((sender, "Outgoing"), (other, "Incoming")):
        [shown] = listed(admin, who, type).result
        assert [recipient["address"] for recipient in shown["recipients"]] == [one.address, other.address]
    decomposed(sender, one, to_one)
    decomposed(sender, other, to_other)

    [shown] = listed(admin, other, "Incoming").result
    assert shown["messageId"] == message.id
    assert shown["senderAddress"] == sender.address
    assert [recipient["address"] for recipient in shown["recipients"]] == [anonymised_address(DOMAIN), other.address]
    # What an identity has given up is not listed for it (functions/messages/README.md).
    assert listed(admin, one, "Incoming").result == listed(admin, sender, "Outgoing").result == []


# Pages


def mailbox_of(owner: Caller, kinds: str) -> Iterator[tuple[str, str, list[Item]]]:
    """Messages a second apart, `i` received and `o` sent: kind, id, items."""
    peer = new_caller()
    for n, kind in enumerate(kinds):
        at = LONG_AGO + timedelta(seconds=n)
        id = MessageId.at(at)
        sender, recipient = (owner, peer) if kind == "o" else (peer, owner)
        relationship_id = RelationshipId.new()
        message = {
            **items.message_key(id),
            "createdAt": clock.render(at),
            "createdBy": sender.address,
            "createdByDevice": sender.device_id,
            "attachments": [],
            "body": BODY,
        }
        received = {
            **items.entry_key(recipient.address, id),
            "position": 0,
            "relationshipId": relationship_id,
            "encryptedKey": KEY,
        }
        dispatch = {
            **items.entry_key(sender.address, id),
            "destinations": [{"a": recipient.address, "r": relationship_id}],
            "revision": 0,
        }
        yield kind, id, [message, received, dispatch]


def given_mailbox(owner: Caller, kinds: str) -> dict[str, list[str]]:
    """The ids of what was received and sent."""
    messages = list(mailbox_of(owner, kinds))
    put_all(item for _, _, three in messages for item in three)
    return {
        "Incoming": [id for kind, id, _ in messages if kind == "i"],
        "Outgoing": [id for kind, id, _ in messages if kind == "o"],
    }


MIXTURES = ["io" * 60, "i" * 130, "o" + "i" * 118 + "o", "i" * 60 + "o" * 60, "i" * 50 + "o" * 51 + "i" * 20, "oi"]


@pytest.mark.slow
@pytest.mark.parametrize("numbered", [True, False])
@pytest.mark.parametrize("kinds", MIXTURES)
def test_pages_cover_what_was_sent_and_received(admin: InProcessApi, kinds: str, numbered: bool) -> None:
    """messages.md §9: Sorted by sendDate ascending; admin-api.md §3.2: `pagination` only with more than one page"""
    owner = new_caller()
    expected = given_mailbox(owner, kinds)
    if numbered:
        MailboxStore().number(owner.address, now=clock.now())

    for type, wanted in expected.items():
        answers = [listed(admin, owner, type, PageNumber=number, PageSize=23) for number in range(1, 8)]
        assert [id for answer in answers for id in ids(answer)] == wanted
        full = [answer for answer in answers if len(answer.result) == 23]
        if len(wanted) > 23:
            assert {answer.json["pagination"]["totalRecords"] for answer in full} == {len(wanted)}
        else:
            assert "pagination" not in answers[0].json


@pytest.mark.slow
def test_a_page_has_fifty_messages_unless_asked_otherwise(admin: InProcessApi) -> None:
    """admin-api.md §3.2: Relationships, Messages: 50"""
    owner = new_caller()
    expected = given_mailbox(owner, "i" * 51)["Incoming"]

    answer = listed(admin, owner, "Incoming")

    assert ids(answer) == expected[:50]
    assert answer.json["pagination"] == {"pageNumber": 1, "pageSize": 50, "totalPages": 2, "totalRecords": 51}
    assert ids(listed(admin, owner, "Incoming", PageNumber=2)) == expected[50:]


@pytest.mark.slow
def test_numbers_of_an_earlier_epoch_are_not_trusted(admin: InProcessApi) -> None:
    owner = new_caller()
    expected = given_mailbox(owner, "io" * 60)["Outgoing"]
    MailboxStore().number(owner.address, now=clock.now())
    for gone in expected[:7]:
        Table(settings().messages_table).delete(items.entry_key(owner.address, MessageId(gone)))
    MailboxStore().forget_numbers(owner.address)

    for _ in range(2):
        assert ids(listed(admin, owner, "Outgoing", PageSize=200)) == expected[7:]
        MailboxStore().number(owner.address, now=clock.now())


def test_what_vanishes_meanwhile_is_left_out(admin: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = new_caller()
    orphaned, half, kept = given_mailbox(owner, "ooo")["Outgoing"]
    finding = MailboxStore.page_of_kind

    def page_of_kind(self: MailboxStore, *arguments: Any, **options: Any) -> Any:
        found = finding(self, *arguments, **options)
        table = Table(settings().messages_table)
        table.delete(items.message_key(MessageId(orphaned)))
        table.delete(items.entry_key(Address(found.items[1]["destinations"][0]["a"]), MessageId(half)))
        return found

    monkeypatch.setattr(MailboxStore, "page_of_kind", page_of_kind)

    answer = listed(admin, owner, "Outgoing", PageSize=3)

    assert ids(answer) == [half, kept]
    assert answer.result[0]["recipients"] == []
    assert "pagination" not in answer.json


def test_messages_that_never_came_are_not_listed_and_not_touched(admin: InProcessApi) -> None:
    owner = new_caller()
    [(_, id, [_, received, _])] = mailbox_of(owner, "i")
    put_all([{**received, "unsettled": True}])

    assert listed(admin, owner, "Incoming").result == []
    assert Table(settings().messages_table).get(items.entry_key(owner.address, MessageId(id))) is not None


@pytest.mark.local_dynamodb
@pytest.mark.slow
def test_a_page_costs_the_same_wherever_it_is(local_dynamodb: None) -> None:
    """data-model.md, messages: Admin: list: numbers, the fifties with the page, what follows the last number"""
    admin, owner = InProcessApi(["messages"], admin=True), new_caller()
    given_mailbox(owner, "iio" * 680)
    MailboxStore().number(owner.address, now=clock.now())

    costs = []
    for number in (2, 40, 67):
        with metered() as meter:
            assert len(listed(admin, owner, "Incoming", PageNumber=number, PageSize=20).result) == 20
        assert meter.calls == ["Query", "Query", "Query", "BatchGetItem", "BatchGetItem"]
        assert meter.write_units == 0
        costs.append(meter.read_units)

    # 41 anchors 2, one or two fifties 4 to 8, what follows 3; 20 messages and 20 senders' records 40.
    assert all(abs(one - other) <= 5 for one, other in pairwise(costs))
    assert max(costs) <= 2 + 8 + 4 + 40
    with metered() as meter:
        partial(listed, admin, owner, "Outgoing")(PageNumber=10)
    assert meter.calls == ["Query", "Query", "Query", "BatchGetItem", "BatchGetItem"]
    assert meter.read_units <= 2 + 20 + 4 + 100
