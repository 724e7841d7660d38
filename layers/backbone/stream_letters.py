"""Changes of a table that a reader of its stream has given up on, kept whole in the bucket of payloads.

Lambda writes such a letter itself when it gives up (`OnFailure` of an event source mapping): an object below
`aws/lambda/`, a prefix that cannot be chosen, with the records in `payload`.  A reader that knows at once that it will
never understand a record writes the same kind of letter, so that the shard does not wait for a day.  A lifecycle rule
of the bucket removes letters after 14 days; until then `backbone events` lists, replays and discards them.
"""

import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from backbone import clock, payloads
from backbone.settings import settings

PREFIX = "aws/lambda/"

Record = Mapping[str, Any]


def keep(record: Record, *, function_arn: str, condition: str, now: datetime) -> None:
    """Put a record aside, in the form in which Lambda does it; `condition` says why."""
    change = record["dynamodb"]
    letter = {
        "requestContext": {"functionArn": function_arn, "condition": condition},
        "version": "1.0",
        "timestamp": clock.render(now),
        "DDBStreamBatchInfo": {
            "startSequenceNumber": change["SequenceNumber"],
            "endSequenceNumber": change["SequenceNumber"],
            "batchSize": 1,
            "streamArn": record.get("eventSourceARN", ""),
        },
        "payload": json.dumps({"Records": [record]}),
    }
    name = function_arn.rsplit(":", 1)[-1]
    key = f"{PREFIX}{name}/{now:%Y/%m/%d}/{now:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
    payloads.client().put_object(Bucket=settings().payload_bucket, Key=key, Body=json.dumps(letter).encode())


def records_of(letter: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The records of a letter."""
    payload = letter["payload"]
    # AWS documents a text, `"<Whole Event>"`.
    event = json.loads(payload) if isinstance(payload, str) else payload
    records: list[dict[str, Any]] = event["Records"]
    return records
