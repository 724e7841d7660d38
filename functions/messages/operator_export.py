"""What Messages contribute to `backbone database export`.  Contract: admin-api.md, section 13.1."""

from backbone.dynamodb import Item
from cli.staging import Records, Source, payload
from functions.messages.items import is_dispatch, message_id_of, recipient_of

_MESSAGES = """
SELECT private(message.id) AS MessageId, private(message.createdBy) AS CreatedBy, creator.clientId AS CreatedByClientId,
       creator.clientName AS CreatedByClientName, private(receipt.relationshipId) AS RelationshipId,
       private(receipt.recipient) AS Recipient, recipient.clientId AS RecipientClientId,
       recipient.clientName AS RecipientClientName, message.createdAt AS CreatedAt, receipt.receivedAt AS ReceivedAt,
       COALESCE(message.size, body.size) AS CipherSize
FROM messages message
LEFT JOIN receipts receipt ON receipt.messageId = message.id
LEFT JOIN payloads body ON body.key = message.body
LEFT JOIN people creator ON creator.address = message.createdBy
LEFT JOIN people recipient ON recipient.address = receipt.recipient
ORDER BY message.createdAt, message.id
"""
_FIRST = 0


def _records(item: Item) -> Records:
    if item["sk"] == "M":
        yield "messages", (item["pk"], item["createdBy"], item["createdAt"], *payload(item, "body"))
    elif item.get("position") == _FIRST and not is_dispatch(item):
        recipient = recipient_of(item)
        facts = (recipient.relationship_id, recipient.address, item.get("receivedAt"))
        yield "receipts", (message_id_of(item), *facts)


SOURCE = Source(
    table="messages_table",
    stages={
        "messages": ("id", "createdBy", "createdAt", "size", "body"),
        "receipts": ("messageId", "relationshipId", "recipient", "receivedAt"),
    },
    records=_records,
    files={"messages.csv": _MESSAGES},
)
