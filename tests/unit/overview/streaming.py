"""The stream of Devices' table as Lambda hands it over, made from what DynamoDB Local or nothing but a test says."""

from typing import Any

from backbone.dynamodb import Item, encode
from functions.overview import changes

_FIRST = 100


def record(number: int, *, before: Item | None = None, after: Item | None = None) -> dict[str, Any]:
    """The n-th change of an item."""
    image = after or before
    assert image is not None
    images = {"OldImage": encode(before) if before else None, "NewImage": encode(after) if after else None}
    return {
        "eventName": "INSERT" if before is None else "REMOVE" if after is None else "MODIFY",
        "dynamodb": {
            "Keys": encode({name: image[name] for name in ("pk", "sk")}),
            "SequenceNumber": str(_FIRST + number),
            **{name: value for name, value in images.items() if value is not None},
        },
    }


def follow(*records: dict[str, Any]) -> list[str]:
    """Hand over a batch; the records to go on from, if any failed."""
    answer = changes.follow({"Records": list(records)}, None)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
