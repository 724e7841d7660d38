"""Everything that is stored, without what differs from run to run: equal worlds have equal snapshots."""

import json
import os
import re
from collections import Counter
from typing import Any

from backbone import dynamodb, payloads
from tests.support.engine import BUCKET

_DRAWN = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?)"
    r"|(?P<id>\b(?:ANC|AAC|CHL|CLT|DPI|DVC|DWL|DWM|ERR|FIL|IDA|IDP|MSG|QUO|RAL|REL|RLT|SYE|SYI|SYR|TIR|TOK|TQD|USR)[A-Za-z0-9]{17}\b)"
    r"|(?P<hash>\$argon2id\$[^\"]+)"
    r"|(?P<jwt>eyJ[\w-]+\.[\w-]+\.[\w-]+)"
    r"|(?P<hex>\b[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12,}\b)"
    r"|(?P<epoch>\b[1-9]\d{9,12}\b)"
    r"|(?P<pause>(?<=retry: )\d+)"
    r"|(?P<suffix>(?<=[0-9a-f]{22}#)[A-Za-z0-9]+)"
    r"|(?P<random>(?<![A-Za-z0-9])[A-Za-z0-9]{20}(?![A-Za-z0-9]))"
    r"|(?P<entry>(?<=^)[A-Za-z0-9_-]{8}(?=ExternalEventCreated|DatawalletModif))"
)
_DRAWN_ATTRIBUTES = {"revision", "earlier", "part", "id"}
_DRAWN_MEMBERS = {"ownershipToken", "newOwnershipToken"}
_AS_OFTEN_AS_DELIVERED = {"epoch"}
"""Numbers that count deliveries, which may be repeated."""
_WINDOW = re.compile(r"^[HDWMY]\d{4,10}$")


def plain(value: Any) -> Any:
    """`value` with the kind of a drawn text in its place."""
    if isinstance(value, dict):
        return {_WINDOW.sub("<window>", str(name)): _member(name, member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(element) for element in value]
    if isinstance(value, (set, frozenset)):
        return sorted(map(plain, value), key=str)
    if isinstance(value, str):
        return _DRAWN.sub(lambda match: f"<{match.lastgroup}>", value)
    if isinstance(value, int) and not isinstance(value, bool) and value > 1_000_000_000:
        return "<epoch>"
    return value


def _member(name: str, value: Any) -> Any:
    return f"<{name}>" if name in _DRAWN_MEMBERS else plain(value)


def _as_text(item: dict[str, Any]) -> str:
    shown = {name: f"<{name}>" if _is_drawn(name, value) else plain(value) for name, value in item.items()}
    return json.dumps(plain(shown), sort_keys=True, default=str)


def _with_sums(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With one item in place of the parts of a count, each of which was drawn."""
    sums: dict[str, dict[str, Any]] = {}
    for part in (item for item in items if _is_part(item)):
        whole = sums.setdefault(part["pk"], {"pk": part["pk"], "sk": "N"})
        for name, value in part.items():
            if isinstance(value, int):
                whole[name] = whole.get(name, 0) + value
    return [item for item in items if not _is_part(item)] + list(sums.values())


def _is_part(item: dict[str, Any]) -> bool:
    return str(item.get("sk", "")).startswith("N#")


def _is_drawn(name: str, value: Any) -> bool:
    return name in _AS_OFTEN_AS_DELIVERED or (name in _DRAWN_ATTRIBUTES and isinstance(value, (str, list)))


def snapshot() -> Counter[str]:
    """Items of all tables and objects of the bucket, each as a text."""
    found: Counter[str] = Counter()
    for variable, table in os.environ.items():
        if variable.startswith("BACKBONE_") and variable.endswith("_TABLE"):
            service = table.rpartition("-")[0]
            found.update(f"{service} {_as_text(item)}" for item in _with_sums(_items(table)))
    objects = payloads.client().list_objects_v2(Bucket=BUCKET).get("Contents", [])
    found.update(f"s3 {plain(each['Key'])}" for each in objects)
    return found


def _items(table: str) -> list[dict[str, Any]]:
    answer = dynamodb.client().scan(TableName=table)
    items = answer["Items"]
    while "LastEvaluatedKey" in answer:
        answer = dynamodb.client().scan(TableName=table, ExclusiveStartKey=answer["LastEvaluatedKey"])
        items += answer["Items"]
    return [dynamodb.decode(item) for item in items]
