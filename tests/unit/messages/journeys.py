"""What tests of messages do again and again."""

from collections.abc import Iterable, Sequence
from typing import Any

from backbone import dynamodb
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.dynamodb import Item
from backbone.encoding import to_base64url
from backbone.ids import MessageId, RelationshipId
from backbone.quotas import Allowance
from backbone.settings import settings
from functions.messages import domain
from functions.messages.domain import Message, Recipient
from functions.messages.store import MessageStore
from tests.support.api import Answer, InProcessApi, new_caller
from tests.support.builders import LONG_AGO, given_relationship

KEY = bytes(range(152))
"""As long as the key in a real message."""
BODY = b"\xfb\xff sealed \xfe"


def acquaintances(number: int) -> tuple[Caller, ...]:
    """Somebody and `number` others, each in an active relationship with him."""
    people = tuple(new_caller() for _ in range(number + 1))
    for other in people[1:]:
        given_relationship(people[0].address, other.address)
    return people


def request_to(*recipients: Caller | Address, **changes: Any) -> dict[str, Any]:
    """The body of a valid POST."""
    addresses = [one.address if isinstance(one, Caller) else one for one in recipients]
    return {
        "recipients": [{"address": address, "encryptedKey": to_base64url(KEY)} for address in addresses],
        "body": to_base64url(BODY),
        "attachments": [],
        **changes,
    }


def post(api: InProcessApi, sender: Caller, *recipients: Caller | Address, **changes: Any) -> Answer:
    """Send a message."""
    return api.post("/api/v2/Messages", request_to(*recipients, **changes), caller=sender)


def sent(api: InProcessApi, sender: Caller, *recipients: Caller | Address, **changes: Any) -> str:
    """The id of a message that was sent."""
    return str(post(api, sender, *recipients, **changes).result["id"])


def read(api: InProcessApi, reader: Caller, message_id: str, **options: Any) -> Answer:
    """Get a message."""
    return api.get(f"/api/v2/Messages/{message_id}", caller=reader, **options)


def listed(api: InProcessApi, reader: Caller, query: Any = None) -> list[str]:
    """The ids of a list."""
    return [message["id"] for message in api.get("/api/v2/Messages", caller=reader, query=query).result]


def given_message(
    sender: Caller,
    recipients: Sequence[Caller],
    *,
    relationship_ids: Sequence[RelationshipId] = (),
    created_at: Any = LONG_AGO,
    body: bytes = BODY,
) -> Message:
    """A message put in place by the store."""
    message = domain.compose(sender, body=body, attachments=[], now=created_at)
    ids = relationship_ids or [RelationshipId.new() for _ in recipients]
    MessageStore().add(
        message,
        [
            Recipient(position, one.address, relationship_id, KEY)
            for position, (one, relationship_id) in enumerate(zip(recipients, ids, strict=True))
        ],
        Allowance.unlimited(),
    )
    return message


def put_all(entries: Iterable[Item]) -> None:
    """Items in the table of messages, many at a time."""
    puts = [{"PutRequest": {"Item": dynamodb.encode(entry)}} for entry in entries]
    for begin in range(0, len(puts), dynamodb.BATCH_WRITE_LIMIT):
        request = {settings().messages_table: puts[begin : begin + dynamodb.BATCH_WRITE_LIMIT]}
        dynamodb.client().batch_write_item(RequestItems=request)


def some_ids(count: int) -> list[MessageId]:
    """Ids nobody has."""
    return [MessageId.new() for _ in range(count)]
