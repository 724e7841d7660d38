"""Whole tables, read on an operator's demand and by nothing else: what requests and events do never costs this."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from typing import Any

from backbone import payloads
from backbone.dynamodb import Item, client, decode
from backbone.settings import settings

SEGMENTS = 8
"""Parts of a table that are read at the same time.  A part takes 0.5 RCU per 4 KB, 1 MB a call."""
_WAITING_PAGES = 2 * SEGMENTS
Page = list[Item]


def size_of(table: str) -> int:
    """About how many items a table has; DynamoDB counts them every six hours."""
    return int(client().describe_table(TableName=table)["Table"]["ItemCount"])


def pages(table: str) -> Iterator[Page]:
    """Every item of a table, in no order; what is written meanwhile may be in it or not."""
    found: Queue[Page | Exception | None] = Queue(_WAITING_PAGES)

    def read(segment: int) -> None:
        try:
            request: dict[str, Any] = {"TableName": table, "Segment": segment, "TotalSegments": SEGMENTS}
            while True:
                answer = client().scan(**request)
                found.put([decode(item) for item in answer["Items"]])
                if "LastEvaluatedKey" not in answer:
                    break
                request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
            found.put(None)
        except Exception as problem:  # it is raised where the pages are read
            found.put(problem)

    with ThreadPoolExecutor(SEGMENTS) as threads:
        for segment in range(SEGMENTS):
            threads.submit(read, segment)
        unfinished = SEGMENTS
        while unfinished:
            match found.get():
                case None:
                    unfinished -= 1
                case Exception() as problem:
                    raise problem
                case page:
                    yield page


def stored_payloads() -> Iterator[tuple[str, int]]:
    """Key and size of every object in the bucket of payloads; 1 call per 1,000."""
    listing = payloads.client().get_paginator("list_objects_v2").paginate(Bucket=settings().payload_bucket)
    for page in listing:
        for entry in page.get("Contents", []):
            yield entry["Key"], entry["Size"]
