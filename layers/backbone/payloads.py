"""Payloads: opaque bytes that belong to an item.  Decision: docs/decisions/payloads.md.

Small ones ride on the item, larger ones go to S3 under `<service>/<id>/<name>` and the item keeps their key in its
attribute `blob`; nobody above the store sees the difference.  The object is put first, marked `state=pending`; the
item is written second, and `settle` takes the mark away.  A crash before the item leaves a pending object, which the
bucket's lifecycle removes within a day.  A crash after the item is mended by the blobs function (a reader of the
table's stream), which also takes marks away, and deletes the object when the item goes.
"""

import uuid
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import IO, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from backbone.dynamodb import Write
from backbone.observability import logger
from backbone.settings import settings

BLOB = "blob"
"""The attribute with the S3 keys of an item's payloads: a string set, so that streams can be filtered by it."""
PENDING = "state=pending"
LENT_SECONDS = 60

Item = Mapping[str, Any]


@lru_cache(maxsize=1)
def client() -> Any:
    """The process's S3 client."""
    config = Config(
        connect_timeout=2,
        read_timeout=20,
        retries={"mode": "standard"},
        signature_version="s3v4",
        # Otherwise presigned URLs name no region, and fail as long as DNS does not know where a new bucket is.
        s3={"addressing_style": "virtual"},
    )
    return boto3.client("s3", config=config)


def attributes(
    service: str, record_id: str, *, committed: bool = False, **payloads: bytes | IO[bytes] | None
) -> dict[str, Any]:
    """The attributes that keep these payloads on an item, after the larger ones have been put to S3.

    A payload that is None has no attribute; one that is an open file is put to S3 whatever its size.  `committed`: the
    item is certain to be written, whatever happens now, so the object needs no mark (and may be put again after the
    item).
    """
    inline: dict[str, Any] = {}
    keys: set[str] = set()
    for name, data in payloads.items():
        if data is None:
            continue
        if isinstance(data, bytes) and len(data) <= settings().inline_payload_bytes:
            inline[name] = data
        else:
            key = f"{service}/{record_id}/{name}"
            mark = {} if committed else {"Tagging": PENDING}
            client().put_object(Bucket=settings().payload_bucket, Key=key, Body=data, **mark)
            keys.add(key)
    return {**inline, BLOB: keys} if keys else inline


class PayloadGone(Exception):
    """The object is not there: its item has gone or changed since it was read."""


def load(item: Item, name: str) -> bytes | None:
    """The payload of an item, wherever it is kept; None if the item has none of this name.

    Raises `PayloadGone` when the object has been deleted since the item was read.
    """
    key = _key(item, name)
    if key is None:
        data: bytes | None = item.get(name)
        return data
    try:
        body: bytes = client().get_object(Bucket=settings().payload_bucket, Key=key)["Body"].read()
    except ClientError as error:
        # Without the right to list, S3 does not tell a missing object from a forbidden one.
        if error.response["Error"]["Code"] in ("NoSuchKey", "AccessDenied"):
            raise PayloadGone(key) from None
        raise
    return body


def settle(writes: Iterable[Write]) -> None:
    """Take the marks from the payloads of items that have just been written.

    Nothing is lost when it fails: the blobs function does the same again.
    """
    for write in writes:
        for key in _keys_written(write):
            try:
                confirm(key)
            except (BotoCoreError, ClientError, PayloadGone):
                logger.warning("payload left to the blobs function", event_id=645030, exc_info=True)


def _keys_written(write: Write) -> Iterable[str]:
    """A put has them in its item, an update in its value `:blob`."""
    values = write.request.get("ExpressionAttributeValues", {})
    written = write.request.get("Item", {}).get(BLOB) or values.get(f":{BLOB}")
    return written["SS"] if written else ()


def confirm(key: str) -> None:
    """Take the pending mark from an object whose item exists.  Raises `PayloadGone`."""
    try:
        client().delete_object_tagging(Bucket=settings().payload_bucket, Key=key)
    except ClientError as error:
        # The second is the answer when a delete marker has taken the object's place.
        if error.response["Error"]["Code"] in ("NoSuchKey", "MethodNotAllowed"):
            raise PayloadGone(key) from None
        raise


def lend(service: str, data: bytes, content_type: str) -> str:
    """A URL under which `data` can be fetched for a minute, without any other right; gone within a day."""
    place = {"Bucket": settings().payload_bucket, "Key": f"{service}/lent/{uuid.uuid4().hex}"}
    client().put_object(**place, Body=data, ContentType=content_type, Tagging=PENDING)
    return _url(place)


def lent_url(item: Item, name: str, content_type: str) -> str:
    """A URL under which an item's payload in S3 can be fetched for a minute, without any other right."""
    place = {"Bucket": settings().payload_bucket, "Key": _key(item, name)}
    return _url({**place, "ResponseContentType": content_type})


def _url(request: Mapping[str, Any]) -> str:
    url: str = client().generate_presigned_url("get_object", Params=request, ExpiresIn=LENT_SECONDS)
    return url


def _key(item: Item, name: str) -> str | None:
    return next((key for key in item.get(BLOB, ()) if key.endswith(f"/{name}")), None)


def remove(key: str) -> None:
    """Delete an object whose item is gone; deleting twice is no error."""
    client().delete_object(Bucket=settings().payload_bucket, Key=key)
