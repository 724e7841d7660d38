"""Synchronisation of external events (§20.4): what happened to the identity since the last time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from enmeshed import deletion, files, messages, relationships, templates
from enmeshed.datawallet import RUN_IS_RUNNING
from enmeshed.deletion import Deletion, DeletionProcess
from enmeshed.devices import change_password
from enmeshed.errors import BackboneError, EnmeshedError, ProtocolError, RecordNotFoundError, UnreadableError
from enmeshed.files import File, Files
from enmeshed.messages import Message, Messages
from enmeshed.patience import transient_tries, while_busy
from enmeshed.protocol.encoding import JsonObject, iso, parse_iso, utc_now
from enmeshed.relationships import Relationship, Relationships
from enmeshed.session import PENDING, Session
from enmeshed.templates import Template, Templates

UNKNOWN = "error.transport.unknown"
EVENT_MEMBERS = ("id", "type", "index", "createdAt", "syncErrorCount", "payload")
REFRESH_AFTER_SECONDS = 4.0  # a sync run lasts 10
NEWS = "_events"
_CODES = "error.platform.validation.syncRun."
ALREADY_FINALIZED = f"{_CODES}syncRunAlreadyFinalized"
IN_DELETION = f"{_CODES}cannotStartSyncRunWhileIdentityIsToBeDeleted"
MAX_CODE_LENGTH = 100

Subject = Relationship | Message | File | Template | DeletionProcess | None


@dataclass(frozen=True)
class Event:
    """Something that happened. ``type`` is one of the protocol, e.g. ``MessageReceived``.

    ``subject`` is what it happened to, as it is now: a :class:`Message` for ``MessageReceived``, a
    :class:`Relationship` for ``RelationshipStatusChanged`` … ``error_code`` is set if the event could not be processed;
    then it was reported to the Backbone, which delivers it up to two more times.
    """

    id: str
    type: str
    created_at: datetime
    payload: JsonObject
    subject: Subject = None
    error_code: str | None = None

    @property
    def message(self) -> Message | None:
        """The subject, if it is a message."""
        return self.subject if isinstance(self.subject, Message) else None

    @property
    def relationship(self) -> Relationship | None:
        """The subject, if it is a relationship."""
        return self.subject if isinstance(self.subject, Relationship) else None

    @property
    def file(self) -> File | None:
        """The subject, if it is a file."""
        return self.subject if isinstance(self.subject, File) else None


class Events(list[Event]):
    """The events of a synchronisation, in order."""

    @property
    def messages(self) -> list[Message]:
        """Those messages that were received."""
        return [event.message for event in self if event.message is not None]

    @property
    def relationships(self) -> list[Relationship]:
        """Those relationships to which something happened."""
        return [event.relationship for event in self if event.relationship is not None]

    @property
    def failed(self) -> list[Event]:
        """Those that could not be processed."""
        return [event for event in self if event.error_code is not None]


class ExternalEvents:
    """The loop of sync runs and the effect of each event type.

    Effects are kept one event after the other, then the news of it for the caller. A process that is killed in between
    gets the same events again, finds what is kept already, and reports everything once it returns.
    """

    def __init__(
        self,
        session: Session,
        templates: Templates,
        relationships: Relationships,
        messages: Messages,
        files: Files,
        deletion: Deletion,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._templates = templates
        self._relationships = relationships
        self._messages = messages
        self._files = files
        self._deletion = deletion
        self._clock = clock

    # ------------------------------------------------------------------ the loop
    def sync(self) -> Events:
        """Sync runs until no new events are left, then the datawallet (§20.4)."""
        with self._session.storage.exclusive():
            self._recover()
            while self._run():
                pass
            return self._news()

    def _run(self) -> bool:
        """One sync run. Whether another one should follow."""
        run = self._start()
        if run is None:
            self._session.datawallet.sync()
            return False
        self._session.datawallet.pull()
        results = self._process_all(f"/SyncRuns/{run}")
        if self._finalize(f"/SyncRuns/{run}", results):
            return True
        self._session.datawallet.push()
        return False

    def _start(self) -> str | None:
        """The id of a new sync run, or ``None`` if there are no events, or none can be had because of a deletion."""
        start = lambda: self._session.connection.post("/SyncRuns", {"type": "ExternalEventSync"})  # noqa: E731
        try:
            started = while_busy(start, [RUN_IS_RUNNING], sleep=self._session.sleep)
        except BackboneError as error:
            if error.code != IN_DELETION:
                raise
            return None
        return None if started["status"] == "NoNewEvents" else str(started["syncRun"]["id"])

    def _process_all(self, path: str) -> list[JsonObject]:
        results, refreshed_at = [], self._clock()
        ask = lambda: list(self._session.connection.items(f"{path}/ExternalEvents"))  # noqa: E731
        for event in transient_tries(ask, sleep=self._session.sleep):
            if self._clock() - refreshed_at > REFRESH_AFTER_SECONDS:
                refreshed_at = self._clock()
                self._session.connection.request("PUT", f"{path}/RefreshExpirationTime")
            results.append(self._process(event))
        return results

    def _finalize(self, path: str, results: list[JsonObject]) -> bool:
        """Report results and own changes. Whether another run should follow.

        If no answer came, or another device has cancelled the run in the meantime, the next run and its pull find out
        what the Backbone has.
        """
        modifications = self._session.datawallet.outgoing()
        body = {"datawalletModifications": modifications, "externalEventResults": results}
        try:
            answer = transient_tries(
                lambda: self._session.connection.put(f"{path}/FinalizeExternalEventSync", body),
                sleep=self._session.sleep,
            )
        except BackboneError as error:
            if error.code != ALREADY_FINALIZED:
                raise
            return True
        self._session.datawallet.was_sent()
        return bool(answer["newUnsyncedExternalEventsExist"])

    # ------------------------------------------------------------------ one event
    def _process(self, event: JsonObject) -> JsonObject:
        """The result of one event; an event that fails does not stop the others (§20.4.4)."""
        code = None
        subject: tuple[str, str] | None = None
        try:
            self._check(event)
            subject = transient_tries(lambda: self._effect(event["type"])(event["payload"]), sleep=self._session.sleep)
        except EnmeshedError as error:
            code = error.code[:MAX_CODE_LENGTH]
        except (LookupError, TypeError, ValueError):  # the Backbone's answer is not what it should be
            code = UNKNOWN
        self._keep_news(event, subject, code)
        return {"externalEventId": event["id"]} | ({} if code is None else {"errorCode": code})

    def _check(self, event: JsonObject) -> None:
        missing = [name for name in EVENT_MEMBERS if event.get(name) is None]
        if missing or not isinstance(event["payload"], dict):
            raise UnreadableError(UNKNOWN, f"external event without {missing or 'an object as payload'}")
        parse_iso(event["createdAt"])

    def _effect(self, event_type: str) -> Callable[[JsonObject], tuple[str, str] | None]:
        effects: dict[str, Callable[[JsonObject], tuple[str, str] | None]] = {
            "MessageReceived": lambda payload: _message(self._messages.receive(payload["id"])),
            "MessageDelivered": lambda payload: _message(self._messages.refresh(payload["id"])),
            "RelationshipStatusChanged": self._relationship_changed,
            "RelationshipReactivationRequested": self._relationship_changed,
            "RelationshipReactivationCompleted": self._relationship_changed,
            "IdentityDeletionProcessStarted": self._deletion_process_changed,
            "IdentityDeletionProcessStatusChanged": self._deletion_process_changed,
            "PeerToBeDeleted": lambda payload: self._peer_deletion(payload, "ToBeDeleted"),
            "PeerDeleted": lambda payload: self._peer_deletion(payload, "Deleted"),
            "PeerDeletionCancelled": lambda payload: self._peer_deletion(payload, None),
            "RelationshipTemplateAllocationsExhausted": self._allocations_exhausted,
            "FileOwnershipLocked": self._file_locked,
            "FileOwnershipClaimed": lambda payload: _file(self._files.refresh_owner(payload["fileId"])),
            "TokenLocked": lambda payload: None,
            "PeerFeatureFlagsChanged": lambda payload: None,
        }
        if event_type not in effects:
            raise ProtocolError(UNKNOWN, f"external event type {event_type}")
        return effects[event_type]

    def _relationship_changed(self, payload: JsonObject) -> tuple[str, str] | None:
        relationship = self._relationships.refresh(payload["relationshipId"])
        return None if relationship is None else (relationships.COLLECTION, relationship.id)

    def _peer_deletion(self, payload: JsonObject, status: str | None) -> tuple[str, str]:
        info = None
        if status is not None:
            date = payload.get("deletionDate")
            info = {"deletionDate": iso(parse_iso(date) if date else utc_now()), "deletionStatus": status}
        return relationships.COLLECTION, self._relationships.set_peer_deletion(payload["relationshipId"], info).id

    def _deletion_process_changed(self, payload: JsonObject) -> tuple[str, str]:
        return deletion.COLLECTION, self._deletion.refresh(payload["deletionProcessId"]).id

    def _allocations_exhausted(self, payload: JsonObject) -> tuple[str, str]:
        return templates.COLLECTION, payload["relationshipTemplateId"]

    def _file_locked(self, payload: JsonObject) -> tuple[str, str] | None:
        file = self._files.mark_locked(payload["fileId"])
        return None if file is None else _file(file)

    # ------------------------------------------------------------------ news for the caller
    def _keep_news(self, event: JsonObject, subject: tuple[str, str] | None, code: str | None) -> None:
        news = {name: event.get(name) for name in ("id", "type", "createdAt", "payload")}
        self._session.storage.put(NEWS, event["id"], {**news, "subject": subject, "errorCode": code})

    def _news(self) -> Events:
        """What is to be reported, which is then forgotten."""
        records = self._session.storage.all(NEWS)
        events = Events(self._event(record) for record in records)
        with self._session.storage.transaction():
            for record in records:
                self._session.storage.delete(NEWS, record["id"])
        return events

    def _event(self, record: JsonObject) -> Event:
        moment, payload = record["createdAt"], record["payload"]
        return Event(
            id=record["id"],
            type=str(record["type"]),
            created_at=parse_iso(moment) if isinstance(moment, str) else utc_now(),
            payload=payload if isinstance(payload, dict) else {},
            subject=self._subject(record["subject"]),
            error_code=record["errorCode"],
        )

    def _subject(self, key: tuple[str, str] | None) -> Subject:
        readers: dict[str, Callable[[str], Subject]] = {
            messages.COLLECTION: self._messages.get,
            relationships.COLLECTION: self._relationships.get,
            files.COLLECTION: self._files.get,
            templates.COLLECTION: self._templates.get,
            deletion.COLLECTION: lambda process_id: next(p for p in self._deletion.all() if p.id == process_id),
        }
        try:
            return None if key is None else readers[key[0]](key[1])
        except RecordNotFoundError:  # forgotten in the meantime, e.g. with its relationship
            return None

    # ------------------------------------------------------------------ after a crash
    def _recover(self) -> None:
        """Find out what became of requests whose answers never came."""
        if self._session.keys.credentials.next_password is not None:
            change_password(self._session)
        recoveries: dict[str, Callable[[JsonObject], Any]] = {
            messages.SENDING: self._messages.recover,
            relationships.OPERATION: self._relationships.recover,
            files.CLAIM: self._files.recover,
        }
        for attempt in self._attempts(recoveries):
            recoveries[attempt["kind"]](attempt)

    def _attempts(self, kinds: Iterable[str]) -> list[JsonObject]:
        return [attempt for kind in kinds for attempt in self._session.storage.all(PENDING, kind)]


def _message(message: Message) -> tuple[str, str]:
    return messages.COLLECTION, message.id


def _file(file: File) -> tuple[str, str]:
    return files.COLLECTION, file.id
