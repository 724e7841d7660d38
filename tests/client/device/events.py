"""Synchronisation of external events, client-protocol.md §20.4 ("sync everything")."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.client.device.account import Account
from tests.client.device.files import Files
from tests.client.device.mailbox import Mailbox, Message
from tests.client.device.relationships import Relationship, Relationships
from tests.client.encoding import JsonObject, parse_iso
from tests.client.errors import ClientError, ProtocolError

UNKNOWN = "error.transport.unknown"
EVENT_MEMBERS = ("id", "type", "index", "createdAt", "syncErrorCount", "payload")
DELETION_PROCESSES = "IdentityDeletionProcess"


@dataclass(frozen=True)
class FailedEvent:
    """An event that was reported back with an error code."""

    event: JsonObject
    code: str
    error: Exception


@dataclass
class SyncResult:
    """What a synchronisation brought."""

    relationships: list[Relationship] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    events: list[JsonObject] = field(default_factory=list)
    failed: list[FailedEvent] = field(default_factory=list)


class ExternalEvents:
    """The loop of sync runs and the effect of each event type."""

    def __init__(self, account: Account, relationships: Relationships, mailbox: Mailbox, files: Files) -> None:
        self._account = account
        self._relationships = relationships
        self._mailbox = mailbox
        self._files = files

    def sync(self) -> SyncResult:
        """Sync runs until no new events are left; with none at all only a datawallet sync (§20.4, steps 1–5)."""
        result = SyncResult()
        while self._run(result):
            pass
        return result

    def _run(self, result: SyncResult) -> bool:
        """One sync run. Whether another one should follow."""
        api, wallet = self._account.api, self._account.wallet
        started = api.post("/SyncRuns", {"type": "ExternalEventSync"})
        if started["status"] == "NoNewEvents":
            wallet.sync()
            return False
        path = f"/SyncRuns/{started['syncRun']['id']}"
        wallet.pull()
        results = [self._process(event, result) for event in api.items(f"{path}/ExternalEvents")]
        modifications = wallet.encrypted_queue()
        answer = api.put(
            f"{path}/FinalizeExternalEventSync",
            {"datawalletModifications": modifications, "externalEventResults": results},
        )
        wallet.queue_was_sent(modifications)
        return bool(answer["newUnsyncedExternalEventsExist"])

    def _process(self, event: JsonObject, result: SyncResult) -> JsonObject:
        """The result of one event; an event that fails does not stop the others (§20.4.4)."""
        result.events.append(event)
        try:
            self._check(event)
            self._effect(event["type"])(event["payload"], result)
        except Exception as error:  # whatever it is, the item fails and the run goes on
            code = error.code if isinstance(error, ClientError) else UNKNOWN
            result.failed.append(FailedEvent(event, code, error))
            return {"externalEventId": event["id"], "errorCode": code}
        return {"externalEventId": event["id"]}

    def _check(self, event: JsonObject) -> None:
        missing = [name for name in EVENT_MEMBERS if event.get(name) is None]
        if missing or not isinstance(event["payload"], dict):
            raise ProtocolError(UNKNOWN, f"external event without {missing or 'an object as payload'}")
        parse_iso(event["createdAt"])

    def _effect(self, event_type: str) -> Callable[[JsonObject, SyncResult], None]:
        effects = {
            "MessageReceived": self._message_received,
            "MessageDelivered": self._message_delivered,
            "RelationshipStatusChanged": self._relationship_changed,
            "RelationshipReactivationRequested": self._relationship_changed,
            "RelationshipReactivationCompleted": self._relationship_changed,
            "IdentityDeletionProcessStarted": self._deletion_process_changed,
            "IdentityDeletionProcessStatusChanged": self._deletion_process_changed,
            "PeerToBeDeleted": self._peer_deletion("ToBeDeleted"),
            "PeerDeleted": self._peer_deletion("Deleted"),
            "PeerDeletionCancelled": self._peer_deletion_cancelled,
            "RelationshipTemplateAllocationsExhausted": _no_effect,
            "FileOwnershipLocked": lambda payload, _: self._files.mark_locked(payload["fileId"]),
            "FileOwnershipClaimed": lambda payload, _: self._files.reload_owner(payload["fileId"]),
        }
        if event_type not in effects:  # e.g. TokenLocked, PeerFeatureFlagsChanged (§24.19)
            raise ProtocolError(UNKNOWN, f"external event type {event_type}")
        return effects[event_type]

    def _message_received(self, payload: JsonObject, result: SyncResult) -> None:
        result.messages.append(self._mailbox.load(payload["id"]))

    def _message_delivered(self, payload: JsonObject, result: SyncResult) -> None:
        self._mailbox.update_delivery(payload["id"])

    def _relationship_changed(self, payload: JsonObject, result: SyncResult) -> None:
        relationship = self._relationships.load(payload["relationshipId"])
        if relationship is not None:
            result.relationships.append(relationship)

    def _peer_deletion(self, status: str) -> Callable[[JsonObject, SyncResult], None]:
        def store(payload: JsonObject, result: SyncResult) -> None:
            info = {"deletionDate": payload["deletionDate"], "deletionStatus": status}
            result.relationships.append(self._relationships.set_peer_deletion(payload["relationshipId"], info))

        return store

    def _peer_deletion_cancelled(self, payload: JsonObject, result: SyncResult) -> None:
        result.relationships.append(self._relationships.set_peer_deletion(payload["relationshipId"], None))

    def _deletion_process_changed(self, payload: JsonObject, result: SyncResult) -> None:
        process_id = payload["deletionProcessId"]
        process = self._account.api.get(f"/Identities/Self/DeletionProcesses/{process_id}")
        store = self._account.store
        keep = store.create if store.find(DELETION_PROCESSES, process_id) is None else store.update
        keep(DELETION_PROCESSES, process)


def _no_effect(payload: JsonObject, result: SyncResult) -> None:
    """The TypeScript client only publishes a local event (§20.4)."""
