"""Payloads: opaque bytes that belong to an item.  Decision: docs/decisions/payloads.md.

Small ones ride on the item, larger ones go to S3 under `<service>/<id>/<name>` and the item keeps their key in its
attribute `blob`; nobody above the store sees the difference.  The object is put first, marked `state=pending`; the item
is written second.  A crash in between leaves a pending object, which the bucket's lifecycle removes within a day; once
the item exists, the blobs function (a reader of the table's stream) takes the mark away, and it deletes the object when
the item goes.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config

from backbone.settings import settings

BLOB = "blob"
"""The attribute that maps a payload's name to its S3 key."""
PENDING = "state=pending"

Item = Mapping[str, Any]


@lru_cache(maxsize=1)
def client() -> Any:
    """The process's S3 client."""
    return boto3.client("s3", config=Config(connect_timeout=2, read_timeout=20, retries={"mode": "standard"}))


def attributes(service: str, record_id: str, *, committed: bool = False, **payloads: bytes | None) -> dict[str, Any]:
    """The attributes that keep these payloads on an item, after the larger ones have been put to S3.

    A payload that is None has no attribute.  `committed`: the item is certain to be written, whatever happens now, so
    the object needs no mark (and may be put again after the item).
    """
    inline: dict[str, Any] = {}
    blob: dict[str, str] = {}
    for name, data in payloads.items():
        if data is None:
            continue
        if len(data) <= settings().inline_payload_bytes:
            inline[name] = data
        else:
            blob[name] = f"{service}/{record_id}/{name}"
            mark = {} if committed else {"Tagging": PENDING}
            client().put_object(Bucket=settings().payload_bucket, Key=blob[name], Body=data, **mark)
    return {**inline, BLOB: blob} if blob else inline


def load(item: Item, name: str) -> bytes | None:
    """The payload of an item, wherever it is kept; None if the item has none of this name."""
    key = item.get(BLOB, {}).get(name)
    if key is None:
        data: bytes | None = item.get(name)
        return data
    body: bytes = client().get_object(Bucket=settings().payload_bucket, Key=key)["Body"].read()
    return body


def confirm(key: str) -> None:
    """Take the pending mark from an object whose item exists."""
    client().delete_object_tagging(Bucket=settings().payload_bucket, Key=key)


def remove(key: str) -> None:
    """Delete an object whose item is gone; deleting twice is no error."""
    client().delete_object(Bucket=settings().payload_bucket, Key=key)
