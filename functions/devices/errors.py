"""The refusals that only Devices knows.  Contract: devices.md, section 14."""

from backbone.errors import BackboneError

_DEVICE = "error.platform.validation.device."
_NOTIFICATION = "error.platform.validation.notification."


class Unauthorized(BackboneError):
    """400, not 401: wrong client id or secret (devices.md, section 15, surprise 1)."""

    def __init__(self) -> None:
        super().__init__("error.platform.unauthorized", "The client id or the client secret is wrong.")


class InvalidCommunicationLanguage(BackboneError):
    """400: no two-letter language code."""

    def __init__(self) -> None:
        code = "error.platform.validation.invalidDeviceCommunicationLanguage"
        super().__init__(code, "The communication language must be a two-letter code of ISO 639-1.")


class InvalidSignature(BackboneError):
    """400: the challenge was not signed with this key."""

    def __init__(self) -> None:
        super().__init__(_DEVICE + "invalidSignature", "The signature of the challenge is not valid.")


class ChallengeHasExpired(BackboneError):
    """400: signed, but too late."""

    def __init__(self) -> None:
        super().__init__(_DEVICE + "challengeHasExpired", "The challenge has expired.")


class AddressAlreadyExists(BackboneError):
    """400: there is an identity with this key."""

    def __init__(self) -> None:
        super().__init__(_DEVICE + "addressAlreadyExists", "An identity with this address already exists.")


class ClientReachedIdentitiesLimit(BackboneError):
    """400: the client may not create another identity."""

    def __init__(self) -> None:
        code = _DEVICE + "clientReachedIdentitiesLimit"
        super().__init__(code, "The client has reached its maximum number of identities.")


class RegistrationFailed(BackboneError):
    """400: the password breaks the policy."""

    def __init__(self) -> None:
        super().__init__(_DEVICE + "registrationFailed", "The password does not comply with the password policy.")


class OnlyOneBackupDeviceCanExist(BackboneError):
    """400: the identity has an unused backup device already."""

    def __init__(self) -> None:
        super().__init__(_DEVICE + "onlyOneBackupDeviceCanExist", "There is a backup device already.")


class ChangePasswordFailed(BackboneError):
    """400: wrong old password, or the new one breaks the policy."""

    def __init__(self) -> None:
        message = "The old password is wrong, or the new one does not comply with the password policy."
        super().__init__(_DEVICE + "changePasswordFailed", message)


class DeviceCannotBeDeleted(BackboneError):
    """400: it has logged in, or it belongs to somebody else."""

    def __init__(self) -> None:
        message = "The device cannot be deleted: it has logged in already or belongs to another identity."
        super().__init__(_DEVICE + "deviceCannotBeDeleted", message)


class OnlyOneActiveDeletionProcessAllowed(BackboneError):
    """400: the identity is being deleted already."""

    def __init__(self) -> None:
        super().__init__(
            _DEVICE + "onlyOneActiveDeletionProcessAllowed", "There is an active deletion process already."
        )


class DeletionProcessIsNotInRequiredStatus(BackboneError):
    """400: the process has been cancelled, or the deletion has begun."""

    def __init__(self, required: str) -> None:
        code = _DEVICE + "deletionProcessIsNotInRequiredStatus"
        super().__init__(code, f"The deletion process must have the status '{required}'.")


class GracePeriodHasAlreadyExpired(BackboneError):
    """400: too late to cancel."""

    def __init__(self) -> None:
        super().__init__(_DEVICE + "gracePeriodHasAlreadyExpired", "The grace period is over.")


class GracePeriodHasNotYetExpired(BackboneError):
    """400: too early to delete; only the job may meet it."""

    def __init__(self) -> None:
        super().__init__(_DEVICE + "gracePeriodHasNotYetExpired", "The grace period is not over yet.")


class MaxNumberOfFeatureFlagsExceeded(BackboneError):
    """400: an identity has no room for so many flags."""

    def __init__(self, maximum: int) -> None:
        code = "error.platform.validation.featureFlag.maxNumberOfFeatureFlagsExceeded"
        super().__init__(code, f"An identity may have at most {maximum} feature flags.")


class NoRelationshipToOneOrMoreRecipientsExists(BackboneError):
    """400: somebody among the recipients is a stranger."""

    def __init__(self) -> None:
        code = _NOTIFICATION + "noRelationshipToOneOrMoreRecipientsExists"
        super().__init__(code, "There is no relationship to at least one of the recipients.")


class RelationshipToRecipientIsNotInCorrectStatus(BackboneError):
    """400: the youngest relationship to somebody among the recipients is over."""

    def __init__(self) -> None:
        code = _NOTIFICATION + "relationshipToRecipientIsNotInCorrectStatus"
        super().__init__(code, "The relationship to at least one of the recipients is not in the correct status.")


class NotificationCodeDoesNotExist(BackboneError):
    """400: the operator has no texts for this code."""

    def __init__(self) -> None:
        super().__init__(_NOTIFICATION + "codeDoesNotExist", "There is no notification with this code.")


class ClientIdAlreadyExists(BackboneError):
    """400: there is an OAuth client with this id."""

    def __init__(self) -> None:
        super().__init__(_DEVICE + "clientIdAlreadyExists", "A client with this id already exists.")


class DefaultTierDoesNotExist(BackboneError):
    """400, not 404: a new client names a tier that does not exist (admin-api.md, section 17, surprise 5)."""

    def __init__(self) -> None:
        super().__init__("error.platform.recordNotFound", "Tier not found.", status=400)


class TierIdInvalidOrDoesNotExist(BackboneError):
    """400: a client shall give a tier that does not exist."""

    def __init__(self) -> None:
        super().__init__(_DEVICE + "tierIdInvalidOrDoesNotExist", "The tier id is invalid, or there is no such tier.")


class MaxIdentitiesLessThanCurrentIdentities(BackboneError):
    """400: the client has more identities already."""

    def __init__(self) -> None:
        code = _DEVICE + "maxIdentitiesLessThanCurrentIdentities"
        super().__init__(code, "The client has more identities than the new maximum.")


class InvalidTierName(BackboneError):
    """400: too short or too long."""

    def __init__(self, minimum: int, maximum: int) -> None:
        code = "error.platform.validation.invalidTierName"
        super().__init__(code, f"The name of a tier has {minimum} to {maximum} characters.")


class TierNameAlreadyExists(BackboneError):
    """400: there is a tier with this name."""

    def __init__(self) -> None:
        super().__init__(_DEVICE + "tierNameAlreadyExists", "A tier with this name already exists.")


class UsedTierCannotBeDeleted(BackboneError):
    """400: a client gives it, or an identity has it."""

    def __init__(self) -> None:
        message = "The tier cannot be deleted: it is the default of a client, or identities belong to it."
        super().__init__(_DEVICE + "usedTierCannotBeDeleted", message)


class BasicTierCannotBeDeleted(BackboneError):
    """400: every Backbone has it."""

    def __init__(self) -> None:
        super().__init__(_DEVICE + "basicTierCannotBeDeleted", "The Basic tier cannot be deleted.")


class QueuedForDeletionTierCannotBeDeleted(BackboneError):
    """400: every Backbone has it."""

    def __init__(self) -> None:
        code = _DEVICE + "queuedForDeletionTierCannotBeDeleted"
        super().__init__(code, "The tier for identities that are queued for deletion cannot be deleted.")


class QueuedForDeletionTierCannotBeManuallyAssigned(BackboneError):
    """400: only deletion processes move identities into this tier and out of it."""

    def __init__(self) -> None:
        code = _DEVICE + "queuedForDeletionTierCannotBeManuallyAssignedOrUnassigned"
        super().__init__(code, "Identities get and lose the tier for deletion by deletion processes only.")


class NewAndOldMatch(BackboneError):
    """400: nothing would change."""

    def __init__(self) -> None:
        super().__init__("error.platform.validation.newAndOldMatch", "The new value is the old one.")
