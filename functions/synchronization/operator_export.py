"""What Synchronization contributes to `backbone database export`.  Contract: admin-api.md, section 13.1.

The datawallet keeps the newest modification of each group, and events keep how often they failed, not why: the columns
of single errors are filled from the event.
"""

from backbone.dynamodb import Item
from cli.staging import Records, Source, payload
from functions.synchronization.items import PAYLOAD

_MODIFICATIONS = """
SELECT private(modification.id) AS DatawalletModificationId, modification.createdAt AS CreatedAt,
       private(modification.owner) AS CreatedBy, creator.clientId AS CreatedByClientId,
       creator.clientName AS CreatedByClientName, private(modification.objectIdentifier) AS ObjectIdentifier,
       modification.collection AS Collection, modification.type AS Type, modification.category AS PayloadCategory,
       COALESCE(modification.size, body.size) AS PayloadSize
FROM modifications modification
LEFT JOIN payloads body ON body.key = modification.body
LEFT JOIN people creator ON creator.address = modification.owner
ORDER BY modification.createdAt, modification.id
"""

_ERRORS = """
SELECT private(event.id) AS ErrorId, private(event.owner) AS SyncItemOwner, owner.clientId AS SyncItemOwnerClientId,
       owner.clientName AS SyncItemOwnerClientName, event.createdAt AS CreatedAt, '' AS ErrorCode
FROM failedEvents event
LEFT JOIN people owner ON owner.address = event.owner
ORDER BY event.createdAt, event.id
"""


def _records(item: Item) -> Records:
    match item["sk"].partition("#")[0]:
        case "MOD":
            kind = (item["collection"], item["type"], item.get("payloadCategory"))
            facts = (item["createdAt"], item["pk"], item["objectIdentifier"])
            yield "modifications", (item["id"], *facts, *kind, *payload(item, PAYLOAD))
        case "EVENT" | "HELD":
            for _ in range(item.get("errorCount", 0)):
                yield "failedEvents", (item["id"], item["pk"], item["createdAt"])


SOURCE = Source(
    table="synchronization_table",
    stages={
        "modifications": (
            *("id", "createdAt", "owner", "objectIdentifier"),
            *("collection", "type", "category", "size", "body"),
        ),
        "failedEvents": ("id", "owner", "createdAt"),
    },
    records=_records,
    files={"datawalletModifications.csv": _MODIFICATIONS, "syncErrors.csv": _ERRORS},
)
