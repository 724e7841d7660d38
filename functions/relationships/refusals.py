"""Why something cannot be done to a relationship.  Contract: relationships.md, section 8."""

from dataclasses import dataclass

from backbone.errors import BackboneError


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something is not possible; `name` is the last part of the protocol's error code."""

    name: str
    message: str

    @property
    def code(self) -> str:
        """The protocol's error code."""
        return f"error.platform.validation.relationship.{self.name}"

    def error(self) -> BackboneError:
        """The exception to raise."""
        return BackboneError(self.code, self.message)


WRONG_STATUS = Refusal("relationshipIsNotInCorrectStatus", "The relationship is not in the correct status.")
ADDRESSED_TO_SOMEONE_ELSE = Refusal(
    "cannotAcceptOrRejectRelationshipAddressedToSomeoneElse",
    "You cannot accept or reject a relationship that is addressed to someone else.",
)
NOT_CREATED_BY_YOURSELF = Refusal(
    "cannotRevokeRelationshipNotCreatedByYourself", "You cannot revoke a relationship that you have not created."
)
OPEN_REACTIVATION_REQUEST = Refusal(
    "cannotRequestReactivationWhenThereIsAnOpenReactivationRequest", "There already is an open reactivation request."
)
NO_ACCEPTABLE_REQUEST = Refusal(
    "noAcceptableRelationshipReactivationRequestExists", "There is no reactivation request that you could accept."
)
NO_REJECTABLE_REQUEST = Refusal(
    "noRejectableReactivationRequestExists", "There is no reactivation request that you could reject."
)
NO_REVOCABLE_REQUEST = Refusal(
    "noRevocableReactivationRequestExists", "There is no reactivation request that you could revoke."
)
ALREADY_DECOMPOSED = Refusal("relationshipAlreadyDecomposed", "You have already decomposed this relationship.")
WITH_YOURSELF = Refusal("cannotCreateRelationshipWithYourself", "You cannot create a relationship with yourself.")
ALREADY_EXISTS = Refusal("relationshipToTargetAlreadyExists", "A relationship with this identity already exists.")
PEER_IS_TO_BE_DELETED = Refusal("peerIsToBeDeleted", "The other identity is about to be deleted.")
