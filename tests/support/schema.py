"""The tables as deployed: read from the services' templates, so that tests never run against another schema."""

from typing import Any

from infra.inventory import inventory, of_type, template_of

SERVICES = tuple(table.service for table in inventory().tables)
_KEPT = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")


def table_definition(service: str, table_name: str, *, with_stream: bool = False) -> dict[str, Any]:
    """The arguments of `create_table` for a service's table."""
    properties = table_properties(service)
    stream = properties.get("StreamSpecification") if with_stream else None
    return {
        "TableName": table_name,
        "BillingMode": "PAY_PER_REQUEST",
        **{name: properties[name] for name in _KEPT if name in properties},
        **({"StreamSpecification": {"StreamEnabled": True, **stream}} if stream else {}),
    }


def table_properties(service: str) -> dict[str, Any]:
    """What the template of a service says about its table."""
    ((_, properties),) = of_type(template_of(service), "AWS::DynamoDB::Table")
    return properties
