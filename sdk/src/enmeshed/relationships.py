"""Relationships: request, answer, end, follow (§15–§16)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from enmeshed.errors import BackboneError, NotFoundError, PreconditionError, RecordNotFoundError, UnreadableError
from enmeshed.protocol import ids
from enmeshed.protocol.addresses import PublicIdentity, client_pseudonym
from enmeshed.protocol.crypto import ExchangeKeyPair
from enmeshed.protocol.encoding import JsonObject, parse_iso, sorted_object, utc_now
from enmeshed.protocol.relationship_contents import (
    CreationContent,
    public_response_of,
    receive_creation_content,
    seal_creation_content,
    seal_creation_response,
)
from enmeshed.protocol.relationship_secrets import RelationshipSecrets, RequestSecrets
from enmeshed.session import PENDING, Attempt, Session
from enmeshed.templates import Template, Templates

COLLECTION = "Relationships"
MESSAGES, TOKENS, TEMPLATES = "Messages", "Tokens", "Templates"
COUNTERS = "_counters"
COUNTERS_PER_DEVICE = 1_000_000
REQUEST, OPERATION = "relationshipRequest", "relationshipOperation"
NO_CONTENT = {"@type": "ArbitraryRelationshipCreationContent", "value": {}}

STATUSES = frozenset({"Pending", "Active", "Rejected", "Revoked", "Terminated", "DeletionProposed"})
REASONS = frozenset(
    {
        *("Creation", "AcceptanceOfCreation", "RejectionOfCreation", "RevocationOfCreation", "Termination"),
        *("ReactivationRequested", "AcceptanceOfReactivation", "RejectionOfReactivation"),
        *("RevocationOfReactivation", "Decomposition", "DecompositionDueToIdentityDeletion"),
    }
)
_OPEN = ("Pending", "Active", "Terminated", "DeletionProposed")
_ERRORS = "error.transport.relationships."
_PLATFORM = "error.platform.validation.relationship."
_ALREADY_DECOMPOSED = f"{_PLATFORM}relationshipAlreadyDecomposed"
_CAN_CREATE_CODES = {
    f"{_PLATFORM}relationshipToTargetAlreadyExists": f"{_ERRORS}relationshipNotYetDecomposedByPeer",
    f"{_PLATFORM}peerIsToBeDeleted": f"{_ERRORS}activeIdentityDeletionProcessOfOwnerOfRelationshipTemplate",
}


@dataclass(frozen=True)
class AuditLogEntry:
    """Who did what to a relationship, and when."""

    created_at: datetime
    created_by: str
    created_by_device: str
    reason: str
    old_status: str | None
    new_status: str

    @classmethod
    def of(cls, value: JsonObject) -> AuditLogEntry:
        """From an entry of a stored relationship."""
        return cls(
            created_at=parse_iso(value["createdAt"]),
            created_by=value["createdBy"],
            created_by_device=value["createdByDevice"],
            reason=value["reason"],
            old_status=value.get("oldStatus"),
            new_status=value["newStatus"],
        )


@dataclass(frozen=True)
class PeerDeletion:
    """That the peer's identity will be deleted, or was: ``status`` is ``ToBeDeleted`` or ``Deleted``."""

    status: str
    date: datetime

    @classmethod
    def of(cls, value: JsonObject) -> PeerDeletion:
        """From ``peerDeletionInfo``."""
        return cls(value["deletionStatus"], parse_iso(value["deletionDate"]))


@dataclass(frozen=True)
class Relationship:
    """A relationship as this device knows it; ``status`` is one of :data:`STATUSES`."""

    id: str
    status: str
    peer: PublicIdentity
    template_id: str | None
    creation_content: Any
    audit_log: Sequence[AuditLogEntry]
    secret_id: str
    peer_deletion: PeerDeletion | None

    @classmethod
    def of(cls, value: JsonObject) -> Relationship:
        """From the stored object (§20.1 collection ``Relationships``)."""
        deletion = value.get("peerDeletionInfo")
        return cls(
            id=value["id"],
            status=value["status"],
            peer=PublicIdentity.parse(value["peer"]),
            template_id=value.get("templateId"),
            creation_content=value.get("creationContent"),
            audit_log=tuple(AuditLogEntry.of(entry) for entry in value["auditLog"]),
            secret_id=value["relationshipSecretId"],
            peer_deletion=PeerDeletion.of(deletion) if deletion else None,
        )

    @property
    def is_requested_by_peer(self) -> bool:
        """Whether it is a pending request that waits for the own answer."""
        return self.status == "Pending" and self.audit_log[-1].created_by == self.peer.address


class Relationships:
    """The relationships of an account: ``account.relationships``.

    Operations take a :class:`Relationship` or its id and return the new state. They make one call each
    (``PUT Relationships/{id}/…``), and raise :class:`RecordNotFoundError` for an unknown relationship,
    :class:`PreconditionError` if its state does not allow the operation (then nothing was sent), :class:`BackboneError`
    if the Backbone sees that differently, :class:`NetworkError` without an answer. In the last case the next
    :meth:`Account.sync` finds out what happened.
    """

    def __init__(self, session: Session, templates: Templates) -> None:
        self._session = session
        self._templates = templates

    # ------------------------------------------------------------------ reading
    def all(self) -> list[Relationship]:
        """All relationships, oldest first. No network calls."""
        return [Relationship.of(value) for value in self._session.objects.all(COLLECTION)]

    def get(self, relationship_id: str) -> Relationship:
        """A relationship this device knows; raises :class:`RecordNotFoundError`. No network calls."""
        return Relationship.of(self._session.objects.get(COLLECTION, relationship_id))

    def with_peer(self, address: str) -> Relationship | None:
        """The newest relationship with a peer, in any status (§17 Receive). No network calls."""
        values = self._session.objects.all(COLLECTION, address)
        return Relationship.of(values[-1]) if values else None

    def addresses(self, peers: Iterable[Relationship | str]) -> list[str]:
        """The addresses of peers that are given as relationships or as addresses. No network calls."""
        return [one if isinstance(one, str) else self.get(one.id).peer.address for one in peers]

    # ------------------------------------------------------------------ asking
    def request(self, template: Template, content: Any = None) -> Relationship:
        """Ask the creator of a template for a relationship (§15 R).

        :param template: a loaded template
        :param content: any JSON for the peer; official clients want an object with ``@type``
            ``RelationshipCreationContent`` or ``ArbitraryRelationshipCreationContent``, which is the default
        :raises PreconditionError: see :meth:`check_can_create`
        :raises QuotaExhaustedError: too many relationships
        :raises BackboneError: the Backbone refused, e.g. because the template was deleted
        :raises NetworkError: no answer; if the request arrived, the relationship appears when the peer answers

        Calls: ``GET Relationships/CanCreate``, ``POST Relationships``.
        """
        self.check_can_create(template)
        session, content = self._session, NO_CONTENT if content is None else content
        secrets = RequestSecrets.create(template.identity.public_key, template.template_key)
        creation = CreationContent(content, session.identity, template.id)
        envelope = seal_creation_content(creation, secrets, session.device_key)
        body = {"creationContent": envelope, "relationshipTemplateId": template.id}
        remembered = {**body, "peer": template.identity.json(), "content": content, "secrets": secrets.json()}
        with session.attempt(REQUEST, remembered) as attempt:
            answer = session.connection.post("/Relationships", body)
            with session.storage.transaction():
                attempt.done()
                return self._keep(answer, template.identity, content, secrets.json())

    def check_can_create(self, template: Template) -> None:
        """Raise :class:`PreconditionError` if no relationship can be requested with a template (§16 CanCreate).

        Codes ``error.transport.relationships.``: ``relationshipCurrentlyExists``, ``relationshipTemplateIsExpired``,
        ``relationshipNotYetDecomposedByPeer``, ``activeIdentityDeletionProcessOfOwnerOfRelationshipTemplate``,
        ``deletedOwnerOfRelationshipTemplate``. One call: ``GET Relationships/CanCreate``.
        """
        peer = template.identity.address
        existing = [
            one for one in map(Relationship.of, self._session.objects.all(COLLECTION, peer)) if one.status in _OPEN
        ]
        if existing:
            raise PreconditionError(f"{_ERRORS}relationshipCurrentlyExists", existing[0].status)
        if template.expires_at is not None and template.expires_at < utc_now():
            raise PreconditionError(f"{_ERRORS}relationshipTemplateIsExpired")
        try:
            answer = self._session.connection.get("/Relationships/CanCreate", {"peer": peer})
        except NotFoundError as error:
            if "Identity not found." in error.message:
                raise PreconditionError(f"{_ERRORS}deletedOwnerOfRelationshipTemplate") from error
            raise
        if not answer["canCreate"]:
            raise PreconditionError(_CAN_CREATE_CODES.get(answer["code"], str(answer["code"])))

    # ------------------------------------------------------------------ operations
    def accept(self, relationship: Relationship | str) -> Relationship:
        """Accept a pending request of the peer (§15 T, accept)."""
        current = self._pending(relationship, by_peer=True)
        secrets = self.secrets_for_sending(current)
        envelope, _ = seal_creation_response(current.id, secrets, self._session.device_key)
        return self._operate(current, "Accept", {"creationResponseContent": envelope})

    def reject(self, relationship: Relationship | str) -> Relationship:
        """Reject a pending request of the peer (§16)."""
        return self._operate(self._pending(relationship, by_peer=True), "Reject")

    def revoke(self, relationship: Relationship | str) -> Relationship:
        """Take back the own pending request (§16)."""
        return self._operate(self._pending(relationship, by_peer=False), "Revoke")

    def terminate(self, relationship: Relationship | str) -> Relationship:
        """End an active relationship (§16)."""
        return self._operate(self._in_status(relationship, "Active"), "Terminate")

    def request_reactivation(self, relationship: Relationship | str) -> Relationship:
        """Ask the peer to make a terminated relationship active again (§16)."""
        current = self._in_status(relationship, "Terminated")
        if _is_reactivation_requested(current):
            raise PreconditionError(f"{_ERRORS}reactivationAlreadyRequested")
        return self._operate(current, "Reactivate")

    def accept_reactivation(self, relationship: Relationship | str) -> Relationship:
        """Agree to the peer's request for reactivation (§16)."""
        return self._operate(self._reactivation(relationship, by_peer=True), "Reactivate/Accept")

    def reject_reactivation(self, relationship: Relationship | str) -> Relationship:
        """Refuse the peer's request for reactivation (§16)."""
        return self._operate(self._reactivation(relationship, by_peer=True), "Reactivate/Reject")

    def revoke_reactivation(self, relationship: Relationship | str) -> Relationship:
        """Take back the own request for reactivation (§16)."""
        return self._operate(self._reactivation(relationship, by_peer=False), "Reactivate/Revoke")

    def decompose(self, relationship: Relationship | str) -> None:
        """Leave a relationship and forget everything about the peer, on all own devices (§16).

        Messages only with this peer, templates and tokens of the peer, and the secrets are deleted; in messages to
        several recipients, the peer gets a pseudonym. Files stay.
        """
        current = self._in_status(relationship, "Terminated", "DeletionProposed")
        with self._session.attempt(OPERATION, {"relationshipId": current.id, "operation": "Decompose"}) as attempt:
            self._decompose_at_backbone(current.id)
            with self._session.storage.transaction():
                attempt.done()
                self._forget(current)

    def _decompose_at_backbone(self, relationship_id: str) -> None:
        try:
            self._session.connection.put(f"/Relationships/{relationship_id}/Decompose")
        except BackboneError as error:
            if error.code != _ALREADY_DECOMPOSED:
                raise

    # ------------------------------------------------------------------ secrets
    def secrets(self, relationship: Relationship) -> RelationshipSecrets:
        """The session keys; a requestor has none before the acceptance arrived (§15).

        Raises :class:`PreconditionError` ``error.client.relationshipNotYetAccepted``.
        """
        value = self._session.vault.load(relationship.secret_id)
        if value["@type"] != RelationshipSecrets.TYPE:
            raise PreconditionError("error.client.relationshipNotYetAccepted", relationship.id)
        return RelationshipSecrets.parse(value)

    def secrets_for_sending(self, relationship: Relationship) -> RelationshipSecrets:
        """The session keys with a counter that was never used and, since that is kept now, never will be again.

        Each device of the identity has counters of its own, as it has for the keys of secrets (§6); official clients
        always use 0 (§24.1).
        """
        secrets = self.secrets(relationship)
        with self._session.storage.transaction():
            first = self._session.keys.device_index * COUNTERS_PER_DEVICE
            state = self._session.storage.find(COUNTERS, relationship.secret_id) or {"next": first}
            self._session.storage.put(COUNTERS, relationship.secret_id, {"next": state["next"] + 1})
        return secrets.with_counter(state["next"])

    # ------------------------------------------------------------------ following the Backbone
    def refresh(self, relationship_id: str) -> Relationship | None:
        """Fetch the state at the Backbone after an event; an unknown relationship is an incoming request (§15, §20.4).

        ``None`` if one side has decomposed it so that there is nothing to know (§16). One call:
        ``GET Relationships/{id}``. Raises :class:`RecordNotFoundError` for a request without its template,
        :class:`UnreadableError`.
        """
        try:
            answer = self._session.connection.get(f"/Relationships/{relationship_id}")
        except BackboneError as error:
            if error.code == _ALREADY_DECOMPOSED:
                return None
            raise
        with self._session.storage.transaction():
            if self._session.objects.find(COLLECTION, relationship_id) is None:
                self._receive(answer)
            relationship = self._update(answer)
            self._complete_handshake(relationship, answer.get("creationResponseContent"))
        return relationship

    def recover(self, attempt: JsonObject) -> None:
        """Find out what became of an operation whose answer never came. At most two calls."""
        relationship_id = attempt["relationshipId"]
        value = self._session.objects.find(COLLECTION, relationship_id)
        if value is not None and attempt["operation"] == "Decompose":
            if self.refresh(relationship_id) is None:
                self._forget(Relationship.of(value))
        elif value is not None:
            self.refresh(relationship_id)
        Attempt(self._session.storage, attempt["id"]).done()

    def set_peer_deletion(self, relationship_id: str, info: JsonObject | None) -> Relationship:
        """Keep or clear that the peer is (to be) deleted (§20.4 events PeerToBeDeleted …). No network calls."""
        value = self._session.objects.get(COLLECTION, relationship_id)
        self._session.objects.update(COLLECTION, sorted_object({**value, "peerDeletionInfo": info}))
        return self.get(relationship_id)

    def _receive(self, answer: JsonObject) -> None:
        """A relationship that is new here: the peer's request, or an own one whose answer never came."""
        if answer["from"] == self._session.address:
            self._adopt(answer)
            return
        template = self._templates.get(str(answer["relationshipTemplateId"]))
        template_key = ExchangeKeyPair.parse(self._session.vault.load(template.template_key.id))
        creation, secrets = receive_creation_content(answer["creationContent"], template_key)
        creation.identity.check(answer["from"])
        self._keep(answer, creation.identity, creation.content, secrets.json())

    def _adopt(self, answer: JsonObject) -> None:
        for attempt in self._session.storage.all(PENDING, REQUEST):
            if attempt["creationContent"] == answer["creationContent"]:
                Attempt(self._session.storage, attempt["id"]).done()
                self._keep(answer, PublicIdentity.parse(attempt["peer"]), attempt["content"], attempt["secrets"])
                return
        raise RecordNotFoundError(f"{answer['id']} was requested by another device")

    def _complete_handshake(self, relationship: Relationship, response: str | None) -> None:
        """Request secrets become relationship secrets once the acceptance is here (§15 R, on event)."""
        value = self._session.vault.load(relationship.secret_id)
        if response and value["@type"] == RequestSecrets.TYPE:
            accepted = RequestSecrets.parse(value).accepted(public_response_of(response))
            self._session.vault.save(relationship.secret_id, accepted.json())

    # ------------------------------------------------------------------ helpers
    def _keep(self, answer: JsonObject, peer: PublicIdentity, content: Any, secrets: JsonObject) -> Relationship:
        secret_id = ids.relationship_secret_id()
        status, audit_log = _status_of(answer)
        value = {
            "@type": "Relationship",
            "id": answer["id"],
            "auditLog": audit_log,
            "creationContent": content,
            "peer": peer.json(),
            "relationshipSecretId": secret_id,
            "status": status,
            "templateId": answer["relationshipTemplateId"],
        }
        with self._session.storage.transaction():
            self._session.vault.save(secret_id, secrets)
            self._session.objects.create(COLLECTION, sorted_object(value))
        return self.get(answer["id"])

    def _update(self, answer: JsonObject) -> Relationship:
        value = self._session.objects.get(COLLECTION, answer["id"])
        value["status"], value["auditLog"] = _status_of(answer)
        self._session.objects.update(COLLECTION, value)
        return self.get(answer["id"])

    def _operate(self, relationship: Relationship, operation: str, body: JsonObject | None = None) -> Relationship:
        remembered = {"relationshipId": relationship.id, "operation": operation}
        with self._session.attempt(OPERATION, remembered) as attempt:
            answer = self._session.connection.put(f"/Relationships/{relationship.id}/{operation}", body)
            with self._session.storage.transaction():
                attempt.done()
                return self._update(answer)

    def _forget(self, relationship: Relationship) -> None:
        """The local part of a decomposition (consumption.md §9.6)."""
        objects = self._session.objects
        with self._session.storage.transaction():
            self._session.vault.forget(relationship.secret_id)
            self._session.storage.delete(COUNTERS, relationship.secret_id)
            objects.delete(COLLECTION, relationship.id)
            for value in objects.all(MESSAGES):
                self._forget_in_message(value, relationship.id)
            for value in objects.all(TEMPLATES):
                if _goes_with(value, relationship):
                    self._templates.forget(value)
            for value in objects.all(TOKENS, relationship.peer.address):
                objects.delete(TOKENS, value["id"])

    def _forget_in_message(self, value: JsonObject, relationship_id: str) -> None:
        entries = value["recipients"]
        if all(entry.get("relationshipId") != relationship_id for entry in entries):
            return
        pseudonym = client_pseudonym(self._session.backbone.hostname)
        kept = [
            {**_without_relationship(entry), "address": pseudonym}
            if entry.get("relationshipId") == relationship_id
            else entry
            for entry in entries
        ]
        if not value["isOwn"] or all(entry["address"] == pseudonym for entry in kept):
            self._session.objects.delete(MESSAGES, value["id"])
        else:
            self._session.objects.update(MESSAGES, {**value, "recipients": kept})

    def _pending(self, relationship: Relationship | str, *, by_peer: bool) -> Relationship:
        current = self._in_status(relationship, "Pending")
        self._check_actor(current, by_peer=by_peer)
        return current

    def _reactivation(self, relationship: Relationship | str, *, by_peer: bool) -> Relationship:
        current = self._in_status(relationship, "Terminated")
        if not _is_reactivation_requested(current):
            raise PreconditionError(f"{_ERRORS}reactivationNotRequested")
        self._check_actor(current, by_peer=by_peer)
        return current

    def _in_status(self, relationship: Relationship | str, *statuses: str) -> Relationship:
        current = self.get(relationship if isinstance(relationship, str) else relationship.id)
        if current.status not in statuses:
            raise PreconditionError(f"{_ERRORS}wrongRelationshipStatus", current.status)
        return current

    def _check_actor(self, relationship: Relationship, *, by_peer: bool) -> None:
        """The last entry of the audit log decides who may answer (§16)."""
        if (relationship.audit_log[-1].created_by == relationship.peer.address) != by_peer:
            raise PreconditionError(f"{_ERRORS}operationOnlyAllowedForPeer")


def _is_reactivation_requested(relationship: Relationship) -> bool:
    return relationship.audit_log[-1].reason == "ReactivationRequested"


def _goes_with(template: JsonObject, relationship: Relationship) -> bool:
    """Whether a template is forgotten with a relationship: the peer's, and an own one that could be used once only."""
    if template["createdBy"] == relationship.peer.address:
        return True
    return template["id"] == relationship.template_id and template.get("maxNumberOfAllocations") == 1


def _without_relationship(entry: JsonObject) -> JsonObject:
    return {name: value for name, value in entry.items() if name != "relationshipId"}


def _status_of(answer: JsonObject) -> tuple[str, list[JsonObject]]:
    """Status and sorted audit log; unknown values make the item fail (§16)."""
    log = [sorted_object(entry) for entry in sorted(answer["auditLog"], key=lambda entry: str(entry["createdAt"]))]
    unknown = {answer["status"]} - STATUSES | {entry["reason"] for entry in log} - REASONS
    if unknown or not log:
        raise UnreadableError("error.client.unknownStatusOrReason", ", ".join(sorted(unknown)))
    return answer["status"], log
