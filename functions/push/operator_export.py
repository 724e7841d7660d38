"""What Push contributes to `backbone database export`: by which provider a device is reached."""

from backbone.dynamodb import Item
from cli.staging import Records, Source


def _records(item: Item) -> Records:
    if item["sk"].startswith("DVC") and "platform" in item:
        yield "registrations", (item["sk"], item["platform"])


SOURCE = Source(table="push_table", stages={"registrations": ("deviceId", "platform")}, records=_records)
