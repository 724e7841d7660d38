"""What Tokens contribute to `backbone database export`.  Contract: admin-api.md, section 13.1."""

from backbone.dynamodb import Item
from cli.staging import Records, Source, payload

_TOKENS = """
SELECT private(token.id) AS TokenId, token.createdAt AS CreatedAt, private(token.createdBy) AS CreatedBy,
       creator.clientId AS CreatedByClientId, creator.clientName AS CreatedByClientName,
       COALESCE(token.size, content.size) AS CipherSize, token.expiresAt AS ExpiresAt
FROM tokens token
LEFT JOIN payloads content ON content.key = token.content
LEFT JOIN people creator ON creator.address = token.createdBy
ORDER BY token.createdAt, token.id
"""


def _records(item: Item) -> Records:
    if item["sk"] == "T":
        facts = (item["createdAt"], item.get("createdBy"), item["expiresAt"])
        yield "tokens", (item["pk"], *facts, *payload(item, "content"))


SOURCE = Source(
    table="tokens_table",
    stages={"tokens": ("id", "createdAt", "createdBy", "expiresAt", "size", "content")},
    records=_records,
    files={"tokens.csv": _TOKENS},
)
