"""Challenges: prove to a peer that a key is one's own (§8)."""

from __future__ import annotations

from dataclasses import dataclass

from enmeshed.errors import NotFoundError, PreconditionError, RecordNotFoundError
from enmeshed.protocol.challenges import (
    DEVICE,
    IDENTITY,
    RELATIONSHIP,
    challenge_verifies,
    sign_challenge,
)
from enmeshed.protocol.crypto import SignatureKeyPair
from enmeshed.protocol.encoding import JsonObject, parse_iso, parse_object, utc_now
from enmeshed.relationships import Relationship, Relationships
from enmeshed.session import Session


@dataclass(frozen=True)
class Validation:
    """Whether a signed challenge is good, and of which relationship its author is the peer."""

    is_valid: bool
    relationship: Relationship | None = None


class Challenges:
    """Signing and validating: ``account.challenges``."""

    def __init__(self, session: Session, relationships: Relationships) -> None:
        self._session = session
        self._relationships = relationships

    def create(self, kind: str = IDENTITY, *, relationship: Relationship | None = None) -> JsonObject:
        """A challenge of the Backbone, signed by this identity.

        :param kind: ``Identity``, ``Device`` or ``Relationship``; the last one for an active ``relationship``
        :returns: ``{challenge, signature, @type}``, to be handed to the peer
        :raises PreconditionError: ``error.client.notAdmin``;
            ``error.transport.challenges.challengeTypeRequiresActiveRelationship``

        One call: ``POST Challenges``.
        """
        key = self._key(kind, relationship)
        return sign_challenge(self._session.connection.post("/Challenges"), key, kind)

    def _key(self, kind: str, relationship: Relationship | None) -> SignatureKeyPair:
        if kind == DEVICE:
            return self._session.device_key
        if kind != RELATIONSHIP:
            return self._session.admin_key
        if relationship is None or self._relationships.get(relationship.id).status != "Active":
            raise PreconditionError("error.transport.challenges.challengeTypeRequiresActiveRelationship")
        return self._relationships.secrets(relationship).signature

    def validate(self, signed: JsonObject) -> Validation:
        """Check a challenge that a peer has signed.

        :param signed: what the peer's :meth:`create` returned
        :raises UnreadableError: not a signed challenge
        :raises RecordNotFoundError: no active relationship with its author
        :raises PreconditionError: ``error.runtime.notSupported`` for challenges of type Device

        One call: ``GET Challenges/{id}``.
        """
        challenge = parse_object(signed.get("challenge") or "")
        if parse_iso(challenge.get("expiresAt") or "") < utc_now() or not self._is_known(challenge):
            return Validation(False)
        relationship = self._active_relationship(str(challenge["createdBy"]))
        if challenge.get("type") == IDENTITY:
            key = relationship.peer.public_key
        elif challenge.get("type") == RELATIONSHIP:
            key = self._relationships.secrets(relationship).peer_signature
        else:
            raise PreconditionError("error.runtime.notSupported", str(challenge.get("type")))
        valid = challenge_verifies(signed, key)
        return Validation(valid, relationship if valid else None)

    def _is_known(self, challenge: JsonObject) -> bool:
        challenge_id = str(challenge.get("id"))
        if not challenge.get("createdBy") or not challenge_id.isalnum():
            return False
        try:
            answer = self._session.connection.get(f"/Challenges/{challenge_id}")
        except NotFoundError:
            return False
        return bool(answer["id"] == challenge_id and answer["createdBy"] == challenge["createdBy"])

    def _active_relationship(self, address: str) -> Relationship:
        relationship = self._relationships.with_peer(address)
        if relationship is None or relationship.status != "Active":
            raise RecordNotFoundError(f"active relationship with {address}")
        return relationship
