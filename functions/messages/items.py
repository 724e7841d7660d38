"""The items of the table `messages`: their keys and shapes.

=================  ==========================  ===================================================================
item               key (pk, sk)                attributes
=================  ==========================  ===================================================================
message            `MSG…`, `M`                 createdAt, createdBy, createdByDevice, attachments, body or blob
received entry     `BOX#<recipient>`, `MSG…`   position, relationshipId, encryptedKey, receivedAt?,
                                               receivedByDevice?, unsettled? (see `MessageStore.add`)
… detached         `MSG…`, `R#<position>`      the same and address: no longer in its recipient's mailbox
sent entry         `BOX#<sender>`, `MSG…`      destinations (list), revision, events
… detached         `MSG…`, `S`                 the same without events, senderIsDeleted?: no longer in the sender's
                                               mailbox; carries MessageOrphaned
unreceived         `UNRECEIVED#<recipient>     count, closed? (relationships that are over), `MSG…`? (time, in epoch
counter            #<sender>`, `C`             seconds, of a reservation by a message to many), ttl? (nothing can be
                                               sent any more; a new relationship begins a new count)
deletion mark      `DELETED#<IDP…>`, `DELETED` ttl, events
=================  ==========================  ===================================================================

A destination is {a: address, r: relationship id, s?: decomposed by sender, d?: decomposed by recipient}; the names are
short because a message may have hundreds.
"""

from typing import Any

from backbone import clock
from backbone.addresses import Address
from backbone.dynamodb import Item, Key
from backbone.ids import DeviceId, MessageId, RelationshipId
from functions.messages.domain import Destination, Dispatch, Recipient

RELATIONSHIP_INDEX = "byRelationship"
IS_DISPATCH = "attribute_exists(#destinations)"
"""The condition of `is_dispatch`."""
_BOX = "BOX#"


def message_key(message_id: MessageId) -> Key:
    """The message."""
    return {"pk": message_id, "sk": "M"}


def box(address: Address) -> str:
    """The partition of a mailbox."""
    return _BOX + address


def entry_key(address: Address, message_id: MessageId) -> Key:
    """A participant's record of a message, in his mailbox."""
    return {"pk": box(address), "sk": message_id}


def detached_recipient_key(message_id: MessageId, position: int) -> Key:
    """A recipient's record that is in no mailbox."""
    return {"pk": message_id, "sk": f"R#{position:04d}"}


def detached_dispatch_key(message_id: MessageId) -> Key:
    """The sender's record that is in no mailbox."""
    return {"pk": message_id, "sk": "S"}


def counter_key(recipient: Address, sender: Address) -> Key:
    """How many messages of a sender a recipient has not received."""
    return {"pk": f"UNRECEIVED#{recipient}#{sender}", "sk": "C"}


def reservations_of(counter: Item) -> dict[MessageId, int]:
    """The reservations of messages to many in a counter, and since when."""
    return {MessageId(name): since for name, since in counter.items() if MessageId.is_valid(name)}


def is_detached(item: Item) -> bool:
    """The record (or its key) is in no mailbox."""
    return not str(item["pk"]).startswith(_BOX)


def message_id_of(item: Item) -> MessageId:
    """The message a record (or its key) belongs to."""
    return MessageId(item["pk"] if is_detached(item) else item["sk"])


def recipient_attributes(recipient: Recipient) -> dict[str, Any]:
    """What a recipient's record says."""
    return {
        "position": recipient.position,
        "relationshipId": recipient.relationship_id,
        "encryptedKey": recipient.encrypted_key,
        "receivedAt": clock.render(recipient.received_at) if recipient.received_at else None,
        "receivedByDevice": recipient.received_by_device,
    }


def recipient_of(item: Item) -> Recipient:
    """The inverse."""
    return Recipient(
        position=item["position"],
        address=Address(item["address"] if is_detached(item) else item["pk"].removeprefix(_BOX)),
        relationship_id=RelationshipId(item["relationshipId"]),
        encrypted_key=item["encryptedKey"],
        received_at=clock.parse(item["receivedAt"]) if "receivedAt" in item else None,
        received_by_device=DeviceId(item["receivedByDevice"]) if "receivedByDevice" in item else None,
    )


def is_dispatch(item: Item) -> bool:
    """The record is the sender's."""
    return "destinations" in item


def dispatch_attributes(dispatch: Dispatch) -> dict[str, Any]:
    """What the sender's record says."""
    return {
        "destinations": [
            {
                "a": one.address,
                "r": one.relationship_id,
                **({"s": True} if one.decomposed_by_sender else {}),
                **({"d": True} if one.decomposed_by_recipient else {}),
            }
            for one in dispatch.destinations
        ],
        "revision": dispatch.revision,
        "senderIsDeleted": True if dispatch.sender_is_deleted else None,
    }


def dispatch_of(item: Item) -> Dispatch:
    """The inverse."""
    destinations = (
        Destination(Address(one["a"]), RelationshipId(one["r"]), one.get("s", False), one.get("d", False))
        for one in item["destinations"]
    )
    return Dispatch(tuple(destinations), item["revision"], item.get("senderIsDeleted", False))


def recipient_key(message_id: MessageId, position: int, destination: Destination, pseudonym: Address) -> Key:
    """Where the record of a destination's recipient is: in his mailbox unless he is gone from it."""
    if destination.decomposed_by_recipient or destination.address == pseudonym:
        return detached_recipient_key(message_id, position)
    return entry_key(destination.address, message_id)
