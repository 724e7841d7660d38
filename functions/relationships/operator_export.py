"""What Relationships contribute to `backbone database export`.  Contract: admin-api.md, section 13.1."""

from backbone.dynamodb import Item
from cli.staging import Records, Source

_TEMPLATES = """
SELECT private(template.id) AS TemplateId, private(template.createdBy) AS CreatedBy,
       creator.clientId AS CreatedByClientId, creator.clientName AS CreatedByClientName,
       template.createdAt AS CreatedAt, allocation.allocatedAt AS AllocatedAt
FROM templates template
LEFT JOIN allocations allocation ON allocation.templateId = template.id
LEFT JOIN people creator ON creator.address = template.createdBy
ORDER BY template.createdAt, template.id, allocation.allocatedAt
"""

_RELATIONSHIPS = """
SELECT private(relationship.id) AS RelationshipId, private(relationship.templateId) AS TemplateId,
       private(relationship.creator) AS "From", creator.clientId AS FromClientId, creator.clientName AS FromClientName,
       private(relationship.templator) AS "To", templator.clientId AS ToClientId, templator.clientName AS ToClientName,
       relationship.createdAt AS CreatedAt, relationship.status AS Status,
       relationship.fromHasDecomposed AS FromHasDecomposed, relationship.toHasDecomposed AS ToHasDecomposed,
       template.createdAt AS TemplateCreatedAt
FROM relationships relationship
LEFT JOIN templates template ON template.id = relationship.templateId
LEFT JOIN people creator ON creator.address = relationship.creator
LEFT JOIN people templator ON templator.address = relationship.templator
ORDER BY relationship.createdAt, relationship.id
"""


def _records(item: Item) -> Records:
    kind = (item["pk"][:3], item["sk"].partition("#")[0])
    match kind:
        case ("RLT", "T"):
            yield "templates", (item["pk"], item["createdBy"], item["createdAt"])
        case ("RLT", "A"):
            yield "allocations", (item["pk"], item["allocatedAt"])
        case ("REL", "R"):
            decomposed = (str(item["fromHasDecomposed"]), str(item["toHasDecomposed"]))
            participants = (item["from"], item["to"])
            facts = (item["createdAt"], item["status"])
            yield "relationships", (item["pk"], item.get("templateId"), *participants, *facts, *decomposed)


SOURCE = Source(
    table="relationships_table",
    stages={
        "templates": ("id", "createdBy", "createdAt"),
        "allocations": ("templateId", "allocatedAt"),
        "relationships": (
            *("id", "templateId", "creator", "templator"),
            *("createdAt", "status", "fromHasDecomposed", "toHasDecomposed"),
        ),
    },
    records=_records,
    files={"relationshipTemplates.csv": _TEMPLATES, "relationships.csv": _RELATIONSHIPS},
)
