"""Relationships of a device: request, answer, follow, client-protocol.md §15–§16."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.client import ids
from tests.client.addresses import PublicIdentity
from tests.client.crypto import ExchangeKeyPair
from tests.client.device.account import Account
from tests.client.device.templates import Template, Templates
from tests.client.encoding import JsonObject, sorted_object, utc_now
from tests.client.errors import ClientError, ProtocolError
from tests.client.relationship_contents import (
    CreationContent,
    public_response_of,
    receive_creation_content,
    seal_creation_content,
    seal_creation_response,
)
from tests.client.relationship_secrets import RelationshipSecrets, RequestSecrets

COLLECTION = "Relationships"
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
_CAN_CREATE_CODES = {
    f"{_PLATFORM}relationshipToTargetAlreadyExists": f"{_ERRORS}relationshipNotYetDecomposedByPeer",
    f"{_PLATFORM}peerIsToBeDeleted": f"{_ERRORS}activeIdentityDeletionProcessOfOwnerOfRelationshipTemplate",
}


@dataclass(frozen=True)
class Relationship:
    """A relationship as this device knows it."""

    id: str
    status: str
    peer: PublicIdentity
    template_id: str | None
    creation_content: Any
    audit_log: list[JsonObject]
    secret_id: str
    peer_deletion: JsonObject | None

    @classmethod
    def of(cls, value: JsonObject) -> Relationship:
        """From the stored object (§20.1 collection ``Relationships``)."""
        return cls(
            id=value["id"],
            status=value["status"],
            peer=PublicIdentity.parse(value["peer"]),
            template_id=value.get("templateId"),
            creation_content=value.get("creationContent"),
            audit_log=value["auditLog"],
            secret_id=value["relationshipSecretId"],
            peer_deletion=value.get("peerDeletionInfo"),
        )


class Relationships:
    """All operations of §16, and what happens when a relationship changed at the Backbone."""

    def __init__(self, account: Account, templates: Templates) -> None:
        self._account = account
        self._templates = templates

    # ------------------------------------------------------------------ reading
    def all(self) -> list[Relationship]:
        return [Relationship.of(value) for value in self._account.store.all(COLLECTION)]

    def get(self, relationship_id: str) -> Relationship:
        """From the local store; raises ``error.transport.recordNotFound``."""
        return Relationship.of(self._account.store.get(COLLECTION, relationship_id))

    def with_peer(self, address: str) -> Relationship | None:
        """The newest relationship to a peer, in any status (§17 Receive)."""
        return next((one for one in reversed(self.all()) if one.peer.address == address), None)

    def secrets(self, relationship: Relationship) -> RelationshipSecrets:
        """The session keys; a requestor has none before the acceptance arrived (§15)."""
        value = self._account.secrets.load(relationship.secret_id)
        if value["@type"] != RelationshipSecrets.TYPE:
            raise ProtocolError("error.client.relationshipNotYetAccepted", relationship.id)
        return RelationshipSecrets.parse(value)

    def store_secrets(self, relationship: Relationship, secrets: RelationshipSecrets) -> None:
        """Keep the counter that was counted up (§24.1)."""
        self._account.secrets.rewrite(relationship.secret_id, secrets.json())

    # ------------------------------------------------------------------ requestor
    def request(self, template: Template, content: Any) -> Relationship:
        """Ask the creator of a template for a relationship (§15 R, §16 CanCreate)."""
        self._check_can_create(template)
        account = self._account
        secrets = RequestSecrets.create(template.identity.public_key, template.template_key)
        creation = CreationContent(content, account.identity, template.id)
        envelope = seal_creation_content(creation, secrets, account.device_key)
        answer = account.api.post(
            "/Relationships", {"creationContent": envelope, "relationshipTemplateId": template.id}
        )
        return self._keep(answer, template.identity, content, secrets.json())

    def _check_can_create(self, template: Template) -> None:
        existing = self.with_peer(template.identity.address)
        if existing is not None and existing.status in _OPEN:
            raise ProtocolError(f"{_ERRORS}relationshipCurrentlyExists", existing.status)
        if template.expires_at is not None and template.expires_at < utc_now():
            raise ProtocolError(f"{_ERRORS}relationshipTemplateIsExpired")
        try:
            answer = self._account.api.get("/Relationships/CanCreate", {"peer": template.identity.address})
        except ClientError as error:
            if error.code == "error.platform.recordNotFound" and "Identity not found." in error.message:
                raise ProtocolError(f"{_ERRORS}deletedOwnerOfRelationshipTemplate") from error
            raise
        if not answer["canCreate"]:
            raise ProtocolError(_CAN_CREATE_CODES.get(answer["code"], str(answer["code"])))

    # ------------------------------------------------------------------ operations
    def accept(self, relationship_id: str) -> Relationship:
        """Accept a pending request of the peer (§15 T, accept)."""
        relationship = self._pending(relationship_id, by_peer=True)
        secrets = self.secrets(relationship)
        envelope, counted = seal_creation_response(relationship_id, secrets, self._account.device_key)
        answer = self._account.api.put(
            f"/Relationships/{relationship_id}/Accept", {"creationResponseContent": envelope}
        )
        self.store_secrets(relationship, counted)
        return self._update(answer)

    def reject(self, relationship_id: str) -> Relationship:
        """Reject a pending request of the peer (§16)."""
        self._pending(relationship_id, by_peer=True)
        return self._operate(relationship_id, "Reject")

    def revoke(self, relationship_id: str) -> Relationship:
        """Take back the own pending request (§16)."""
        self._pending(relationship_id, by_peer=False)
        return self._operate(relationship_id, "Revoke")

    def terminate(self, relationship_id: str) -> Relationship:
        """End an active relationship (§16)."""
        self._in_status(relationship_id, "Active")
        return self._operate(relationship_id, "Terminate")

    def reactivate(self, relationship_id: str, answer: str | None = None) -> Relationship:
        """Request a reactivation, or ``Accept`` / ``Reject`` / ``Revoke`` an open request (§16)."""
        relationship = self._in_status(relationship_id, "Terminated")
        last = relationship.audit_log[-1]
        requested = last["reason"] == "ReactivationRequested"
        if answer is None:
            if requested:
                raise ProtocolError(f"{_ERRORS}reactivationAlreadyRequested")
            return self._operate(relationship_id, "Reactivate")
        if not requested:
            raise ProtocolError(f"{_ERRORS}reactivationNotRequested")
        self._check_actor(relationship, by_peer=answer != "Revoke")
        return self._operate(relationship_id, f"Reactivate/{answer}")

    def decompose(self, relationship_id: str) -> None:
        """Leave a relationship and forget everything about the peer (§16)."""
        relationship = self._in_status(relationship_id, "Terminated", "DeletionProposed")
        self._account.api.put(f"/Relationships/{relationship_id}/Decompose")
        account, peer = self._account, relationship.peer.address
        account.secrets.forget(relationship.secret_id)
        account.store.delete(COLLECTION, relationship_id)
        is_of_peer: dict[str, Callable[[JsonObject], bool]] = {
            "Templates": lambda one: one["createdBy"] == peer,
            "Tokens": lambda one: one["createdBy"] == peer,
            "Messages": lambda one: one["createdBy"] == peer or [r["address"] for r in one["recipients"]] == [peer],
        }
        for collection, test in is_of_peer.items():
            for value in filter(test, account.store.all(collection)):
                account.store.delete(collection, value["id"])

    # ------------------------------------------------------------------ following the Backbone
    def load(self, relationship_id: str) -> Relationship | None:
        """Fetch after an event; an unknown relationship is an incoming request (§15, §20.4).

        ``None`` if we have decomposed it, which the client swallows (§16).
        """
        try:
            answer = self._account.api.get(f"/Relationships/{relationship_id}")
        except ClientError as error:
            if error.code == f"{_PLATFORM}relationshipAlreadyDecomposed":
                return None
            raise
        if self._account.store.find(COLLECTION, relationship_id) is None:
            return self._receive(answer)
        relationship = self._update(answer)
        self._complete_handshake(relationship, answer.get("creationResponseContent"))
        return relationship

    def set_peer_deletion(self, relationship_id: str, info: JsonObject | None) -> Relationship:
        """Store or clear that the peer is (to be) deleted (§20.4 events PeerToBeDeleted …)."""
        value = self._account.store.get(COLLECTION, relationship_id)
        self._account.store.update(COLLECTION, sorted_object({**value, "peerDeletionInfo": info}))
        return self.get(relationship_id)

    def _receive(self, answer: JsonObject) -> Relationship:
        """An incoming request; its template must be in the own store (§15 T)."""
        template = self._templates.get(str(answer["relationshipTemplateId"]))
        template_key = ExchangeKeyPair.parse(self._account.secrets.load(template.template_key.id))
        creation, secrets = receive_creation_content(answer["creationContent"], template_key)
        return self._keep(answer, creation.identity, creation.content, secrets.json())

    def _complete_handshake(self, relationship: Relationship, response: str | None) -> None:
        """Request secrets become relationship secrets once the acceptance is here (§15 R, on event)."""
        value = self._account.secrets.load(relationship.secret_id)
        if response and value["@type"] == RequestSecrets.TYPE:
            accepted = RequestSecrets.parse(value).accepted(public_response_of(response))
            self._account.secrets.save(relationship.secret_id, accepted.json())

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
        self._account.secrets.save(secret_id, secrets)
        self._account.store.create(COLLECTION, sorted_object(value))
        return self.get(answer["id"])

    def _update(self, answer: JsonObject) -> Relationship:
        value = self._account.store.get(COLLECTION, answer["id"])
        value["status"], value["auditLog"] = _status_of(answer)
        self._account.store.update(COLLECTION, value)
        return self.get(answer["id"])

    def _operate(self, relationship_id: str, operation: str) -> Relationship:
        return self._update(self._account.api.put(f"/Relationships/{relationship_id}/{operation}"))

    def _pending(self, relationship_id: str, *, by_peer: bool) -> Relationship:
        relationship = self._in_status(relationship_id, "Pending")
        self._check_actor(relationship, by_peer=by_peer)
        return relationship

    def _in_status(self, relationship_id: str, *statuses: str) -> Relationship:
        relationship = self.get(relationship_id)
        if relationship.status not in statuses:
            raise ProtocolError(f"{_ERRORS}wrongRelationshipStatus", relationship.status)
        return relationship

    def _check_actor(self, relationship: Relationship, *, by_peer: bool) -> None:
        """The last entry of the audit log decides who may answer (§16)."""
        if (relationship.audit_log[-1]["createdBy"] == relationship.peer.address) != by_peer:
            raise ProtocolError(f"{_ERRORS}operationOnlyAllowedForPeer")


def _status_of(answer: JsonObject) -> tuple[str, list[JsonObject]]:
    """Status and sorted audit log; unknown values make the item fail (§16)."""
    log = [sorted_object(entry) for entry in sorted(answer["auditLog"], key=lambda entry: str(entry["createdAt"]))]
    unknown = {answer["status"]} - STATUSES | {entry["reason"] for entry in log} - REASONS
    if unknown:
        raise ProtocolError("error.client.unknownStatusOrReason", ", ".join(sorted(unknown)))
    return answer["status"], log
