"""What the tests of this folder do again and again: one function per step of a client, and of the bus."""

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from backbone import clock
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.encoding import to_base64url
from backbone.events import DomainEvent, EventEnvelope
from backbone.events.messages import MessageCreated, MessageRecipient
from backbone.events.relationships import RelationshipReactivationRequested
from backbone.ids import DeviceId, MessageId, RelationshipId
from functions.synchronization import datawallet
from functions.synchronization.compaction import INTERVAL
from functions.synchronization.consumers import consumers
from functions.synchronization.domain import Change, Head
from functions.synchronization.models import ModificationIn
from functions.synchronization.store import SyncStore
from tests.support.api import Answer, InProcessApi, new_caller
from tests.support.builders import given_identity

VERSION_1 = {"X-Supported-Datawallet-Version": "1"}
MODIFICATIONS = "/api/v2/Datawallet/Modifications"
SYNC_RUNS = "/api/v2/SyncRuns"


def given_caller(status: str = "Active") -> Caller:
    """A device of an identity that exists."""
    caller = new_caller()
    given_identity(caller.address, status)
    return caller


def other_device_of(caller: Caller) -> Caller:
    """Another device of the same identity."""
    return replace(caller, device_id=DeviceId.new())


def modification(number: int = 0, **members: Any) -> dict[str, Any]:
    """A modification to send; each number is another object."""
    return {
        "type": "Create",
        "objectIdentifier": f"OBJ{number}",
        "collection": "Messages",
        "payloadCategory": "Content",
        "encryptedPayload": to_base64url(b"secret %d" % number),
        "datawalletVersion": 1,
        **members,
    }


def start(api: InProcessApi, caller: Caller, type: str = "ExternalEventSync", **members: Any) -> Answer:
    """Ask for a sync run."""
    return api.post(SYNC_RUNS, {"type": type, **members}, caller=caller, headers=VERSION_1)


def given_run(api: InProcessApi, caller: Caller, type: str = "ExternalEventSync", **members: Any) -> Any:
    """A sync run that was started."""
    answer = start(api, caller, type, **members)
    assert answer.status == 201, answer.body
    return answer.result["syncRun"]


def given_upgrade(
    api: InProcessApi, caller: Caller, version: int = 1, modifications: Iterable[dict[str, Any]] = ()
) -> None:
    """A datawallet of this version with these modifications."""
    run = given_run(api, caller, "DatawalletVersionUpgrade")
    finished = finalize_upgrade(api, caller, run["id"], version, modifications)
    assert finished.status == 200, finished.body


def given_owner(api: InProcessApi, *modifications: dict[str, Any]) -> Caller:
    """A device of an identity with a datawallet of version 1, put in place without asking the API.

    The timer of its compaction is running, as it usually is (test_compaction.py).
    """
    caller, now = given_caller(), clock.now()
    nothing = replace(Head(caller.address), compaction_at=now + INTERVAL)
    created = replace(Change.of(nothing, now), head=replace(nothing, version=1))
    drafts = [ModificationIn.model_validate(each).draft() for each in modifications]
    SyncStore().change(lambda: datawallet.append(created, drafts, device=caller.device_id))
    return caller


def finalize(
    api: InProcessApi,
    caller: Caller,
    run_id: str,
    results: Iterable[dict[str, Any]] = (),
    modifications: Iterable[dict[str, Any]] = (),
) -> Answer:
    """End a run of external events."""
    body = {"externalEventResults": list(results), "datawalletModifications": list(modifications)}
    return api.put(f"{SYNC_RUNS}/{run_id}/FinalizeExternalEventSync", body, caller=caller)


def finalize_upgrade(
    api: InProcessApi, caller: Caller, run_id: str, version: int, modifications: Iterable[dict[str, Any]] = ()
) -> Answer:
    """End an upgrade."""
    body = {"newDatawalletVersion": version, "datawalletModifications": list(modifications)}
    return api.put(f"{SYNC_RUNS}/{run_id}/FinalizeDatawalletVersionUpgrade", body, caller=caller)


def push(api: InProcessApi, caller: Caller, local_index: int, *modifications: dict[str, Any]) -> Answer:
    """Send modifications outside a run."""
    body = {"localIndex": local_index, "modifications": list(modifications)}
    return api.post(MODIFICATIONS, body, caller=caller, headers=VERSION_1)


def listed(api: InProcessApi, caller: Caller, **query: Any) -> Answer:
    """The datawallet as a client reads it."""
    return api.get(MODIFICATIONS, caller=caller, headers=VERSION_1, query=query)


def events_of(api: InProcessApi, caller: Caller, run_id: str, **query: Any) -> Answer:
    """The events of a run."""
    return api.get(f"{SYNC_RUNS}/{run_id}/ExternalEvents", caller=caller, query=query)


def sync(api: InProcessApi, caller: Caller) -> list[Any]:
    """A whole successful run; the events it brought, none if there were none."""
    answer = start(api, caller)
    if answer.result["status"] == "NoNewEvents":
        return []
    run_id = answer.result["syncRun"]["id"]
    events: list[Any] = events_of(api, caller, run_id, PageSize=200).result
    finalize(api, caller, run_id, [{"externalEventId": event["id"]} for event in events])
    return events


def successes(events: Iterable[Any]) -> list[dict[str, Any]]:
    """Results that report no error."""
    return [{"externalEventId": event["id"]} for event in events]


def errors(events: Iterable[Any], code: str = "error.any") -> list[dict[str, Any]]:
    """Results that report an error."""
    return [{"externalEventId": event["id"], "errorCode": code} for event in events]


def tell(event: DomainEvent, *, time: datetime | None = None) -> None:
    """Let the consumer handle a domain event."""
    consumers.handle(EventEnvelope.of(event, time or clock.now()))


def given_event(owner: Address, number: int = 0) -> None:
    """An external event of no importance on the feed of an identity."""
    tell(
        RelationshipReactivationRequested(
            relationship_id=RelationshipId(f"REL{number:017d}"),
            requesting_identity=new_caller().address,
            peer=owner,
            audit_position=uuid.uuid4().int % 10**9,
        )
    )


def message_to(*recipients: tuple[Address, RelationshipId], sent_while_active: bool = False) -> MessageCreated:
    """A message was sent."""
    return MessageCreated(
        message_id=MessageId.new(),
        created_by=new_caller().address,
        recipients=tuple(
            MessageRecipient(address=address, relationship_id=id, sent_while_active=sent_while_active)
            for address, id in recipients
        ),
    )


@contextmanager
def earlier(monkeypatch: pytest.MonkeyPatch, seconds: float) -> Iterator[None]:
    """What happens in this block happened so many seconds ago (less than a token lives)."""
    real = clock.now
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: real() - timedelta(seconds=seconds))
        yield
