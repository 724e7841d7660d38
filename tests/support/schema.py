"""The tables as deployed: read from infra/storage.yaml, so that tests never run against another schema."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

STORAGE = Path(__file__).parents[2] / "infra" / "storage.yaml"
SERVICES = (
    "challenges",
    "devices",
    "relationships",
    "messages",
    "synchronization",
    "tokens",
    "files",
    "announcements",
    "quotas",
    "push",
    "overview",
)


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short intrinsic functions, which no test looks at."""


_Loader.add_multi_constructor("!", lambda loader, suffix, node: suffix)


@lru_cache(maxsize=1)
def _resources() -> dict[str, Any]:
    resources: dict[str, Any] = yaml.load(STORAGE.read_text(encoding="utf-8"), _Loader)["Resources"]
    return resources


def table_definition(service: str, table_name: str, *, with_stream: bool = False) -> dict[str, Any]:
    """The arguments of `create_table` for a service's table."""
    properties = _resources()[f"{service.capitalize()}Table"]["Properties"]
    stream = properties.get("StreamSpecification") if with_stream else None
    kept = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")
    return {
        "TableName": table_name,
        "BillingMode": "PAY_PER_REQUEST",
        **{name: properties[name] for name in kept if name in properties},
        **({"StreamSpecification": {"StreamEnabled": True, **stream}} if stream else {}),
    }
