"""What starts a function, in the shapes that AWS's services send."""

import importlib
import json
import typing
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from pydantic import BaseModel, JsonValue

from backbone import clock
from backbone.addresses import Address
from backbone.consumers import EventHandler
from backbone.dynamodb import Item, encode
from backbone.events import EVENTS, DomainEvent, EventEnvelope, carried, farewell
from backbone.events.relationships import RelationshipTemplateCreated
from backbone.ids import Id, RelationshipTemplateId
from infra.inventory import Function

ADDRESS = Address.of_public_key(b"runtime", "localhost")
"""Whom all these events are about."""
CONTENT = "Y29udGVudCBvZiBhIG1lc3NhZ2U"
"""What nobody is to read in a log."""
NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
_REGION = "eu-central-1"
_SAMPLES = {Address: ADDRESS, str: "text", int: 1, bool: True, float: 1.0, datetime: NOW + timedelta(days=14)}


def consumed_by(function: Function) -> list[str]:
    """The names of the domain events that the function reacts to, read from its entry point."""
    module, _, name = function.handler.rpartition(".")
    handler = getattr(importlib.import_module(module), name)
    assert isinstance(handler, EventHandler), f"{function.id} reacts to nothing"
    return sorted(handler.consumers.reactions)


def sample(kind: Any) -> Any:
    """A value of a type that fields of events have."""
    if kind is JsonValue:
        return {"text": CONTENT}
    if kind in _SAMPLES:
        return _SAMPLES[kind]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (tuple, list):
        return [sample(arguments[0])]
    if arguments:  # a union, an annotated type
        return sample(arguments[0])
    if issubclass(kind, Id):
        return kind.new()
    if issubclass(kind, Enum):
        return next(iter(kind))
    assert issubclass(kind, BaseModel), kind
    return kind(**{name: sample(field.annotation) for name, field in kind.model_fields.items()})


def envelope(name: str) -> dict[str, Any]:
    """A domain event as it travels."""
    event: DomainEvent = sample(EVENTS[name])
    return EventEnvelope.of(event, clock.now()).to_dict()


def from_bus(detail: Mapping[str, Any]) -> dict[str, Any]:
    """An event as EventBridge hands it over."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": detail["name"],
        "source": "backbone",
        "account": "123456789012",
        "time": "2026-01-02T03:04:05Z",
        "region": _REGION,
        "resources": [],
        "detail": detail,
    }


def schedule() -> dict[str, Any]:
    """The event of a rule with a schedule."""
    return {
        **from_bus({"name": "Scheduled Event"}),
        "source": "aws.events",
        "resources": [f"arn:aws:events:{_REGION}:123456789012:rule/backbone-daily"],
        "detail": {},
    }


def queue_batch(bodies: Iterable[str]) -> dict[str, Any]:
    """A batch from SQS; the messages are numbered from 0."""
    return {"Records": [_message(number, body) for number, body in enumerate(bodies)]}


def _message(number: int, body: str) -> dict[str, Any]:
    return {
        "messageId": str(number),
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1767323045678",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1767323045679",
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{_REGION}:123456789012:backbone-queue",
        "awsRegion": _REGION,
    }


def stream_batch() -> dict[str, Any]:
    """A batch of a table's stream in which every reader of a stream finds something to do."""
    template_id = RelationshipTemplateId.new()
    event = RelationshipTemplateCreated(template_id=template_id, created_by=ADDRESS)
    identity = {"pk": f"ID#{ADDRESS}", "sk": "I", "status": "Active", "events": carried([event], clock.now())}
    payload = {"pk": "X", "sk": "X", "content": CONTENT, "blob": {"messages/MSGa"}}
    device = {
        "pk": f"DEV#{ADDRESS}",
        "sk": "D",
        "onRemoval": farewell(event),
        "endpointArn": f"arn:aws:sns:{_REGION}:123456789012:endpoint/GCM/backbone_app/x",
    }
    changes: list[tuple[str, Item | None, Item | None]] = [
        ("INSERT", None, identity),
        ("INSERT", None, payload),
        ("REMOVE", payload, None),
    ]
    changes += [("MODIFY", payload, {**payload, "blob": {"messages/MSGb"}}), ("REMOVE", device, None)]
    return {"Records": [_record(number, *change) for number, change in enumerate(changes)]}


def _record(number: int, name: str, before: Item | None, after: Item | None) -> Any:
    images = {"OldImage": before, "NewImage": after}
    keys = {key: value for key, value in (before or after or {}).items() if key in ("pk", "sk")}
    return {
        "eventID": f"c4ca4238a0b923820dcc509a6f75849{number}",
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": _REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": 1767323045,
            "Keys": encode(keys),
            **{image: encode(item) for image, item in images.items() if item},
            "SequenceNumber": str(number + 1),
            "SizeBytes": 512,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": f"arn:aws:dynamodb:{_REGION}:123456789012:table/t/stream/2026-01-02T03:04:05.678",
    }


def custom_resource(kind: str, url: str, **properties: str) -> dict[str, Any]:
    """A request of CloudFormation, `Create`, `Update` or `Delete`, that is to be answered at `url`."""
    request = {
        "RequestType": kind,
        "ResponseURL": url,
        "StackId": f"arn:aws:cloudformation:{_REGION}:123456789012:stack/backbone/1",
        "RequestId": "9bb1a1c2",
        "LogicalResourceId": "Resource",
        "ResourceType": "Custom::Resource",
        "ServiceToken": f"arn:aws:lambda:{_REGION}:123456789012:function:x",
        "ResourceProperties": {"ServiceToken": "x", **properties},
    }
    old = {"OldResourceProperties": {"ServiceToken": "x"}} if kind == "Update" else {}
    return {**request, **old, **({} if kind == "Create" else {"PhysicalResourceId": "x"})}


def broken() -> str:
    """The body of a message that nobody can handle, about somebody."""
    return json.dumps({"detail": {**envelope("IdentityDeleted"), "name": "NoSuchEvent", "payload": {"of": ADDRESS}}})


def authorization(header: str) -> dict[str, Any]:
    """What a REST API asks its authorizer before it stores a body."""
    return {
        "type": "REQUEST",
        "methodArn": f"arn:aws:execute-api:{_REGION}:123456789012:abc/api/POST/",
        "headers": {"Authorization": header, "Host": "localhost"},
        "stageVariables": {"service": "files", "mount": "/api/v2/Files"},
        "requestContext": {"requestId": "0", "httpMethod": "POST"},
    }
