"""What Files contribute to `backbone database export`.  Contract: admin-api.md, section 13.1."""

from backbone.dynamodb import Item
from cli.staging import Records, Source

_FILES = """
SELECT private(file.id) AS FileId, private(file.createdBy) AS CreatedBy, creator.clientId AS CreatedByClientId,
       creator.clientName AS CreatedByClientName, file.createdAt AS CreatedAt,
       file.lastOwnershipClaimAt AS LastOwnershipClaimAt, private(file.owner) AS Owner, owner.clientId AS OwnerClientId,
       owner.clientName AS OwnerClientName, file.cipherSize AS CipherSize, file.expiresAt AS ExpiresAt
FROM files file
LEFT JOIN people creator ON creator.address = file.createdBy
LEFT JOIN people owner ON owner.address = file.owner
ORDER BY file.createdAt, file.id
"""


def _records(item: Item) -> Records:
    if item["pk"].startswith("FIL"):
        claimed_at = item.get("lastOwnershipClaimAt")
        people = (item["createdBy"], item["createdAt"], claimed_at, item["owner"])
        yield "files", (item["pk"], *people, item["cipherSize"], item["expiresAt"])


SOURCE = Source(
    table="files_table",
    stages={"files": ("id", "createdBy", "createdAt", "lastOwnershipClaimAt", "owner", "cipherSize", "expiresAt")},
    records=_records,
    files={"files.csv": _FILES},
)
