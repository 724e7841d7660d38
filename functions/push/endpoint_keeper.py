"""Removes endpoints from SNS that no registration needs any more.

Fed by the stream of table `push`: a registration that is gone, or that is for another phone or app than before, leaves
its endpoint behind, unless another account on the same phone uses it.  May be repeated.  Should an endpoint be removed
that somebody still wants, the next push makes it again.
"""

from typing import Any

from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from backbone.dynamodb import decode
from backbone.observability import logger
from backbone.streams import stream_handler
from functions.push.domain import RegisteredDevice
from functions.push.endpoint_store import EndpointStore, belongs_together
from functions.push.registration_store import RegistrationStore, registered_device

registrations = RegistrationStore()
endpoints = EndpointStore()


def _follow(record: DynamoDBRecord) -> None:
    before, after = (_device(record.raw_event["dynamodb"].get(name)) for name in ("OldImage", "NewImage"))
    if before is None or before.endpoint_arn is None:
        return
    if after is not None and belongs_together(before.registration, after.registration):
        return
    if not registrations.is_target_of_others(before):
        endpoints.delete(before.endpoint_arn)
        logger.info("push endpoint removed", event_id=613185)


def _device(image: dict[str, Any] | None) -> RegisteredDevice | None:
    return registered_device(decode(image)) if image and "devicePushIdentifier" in image else None


keep_in_step = stream_handler(_follow)
