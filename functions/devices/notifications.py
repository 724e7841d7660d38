"""Notifications with configured texts, from identity to identity.  Contract: devices.md, section 12.6."""

from collections.abc import Container, Iterable

from functions.devices.errors import (
    NoRelationshipToOneOrMoreRecipientsExists,
    NotificationCodeDoesNotExist,
    RelationshipToRecipientIsNotInCorrectStatus,
)

MAX_RECIPIENTS = 100
_OPEN = frozenset({"Pending", "Active", "Terminated"})


def check(statuses: Iterable[str | None], code: str, codes: Container[str]) -> None:
    """Whether the caller may notify these recipients.

    `statuses` are those of the youngest relationships with them (None: there is none).  Raises
    `NoRelationshipToOneOrMoreRecipientsExists`, `RelationshipToRecipientIsNotInCorrectStatus` or
    `NotificationCodeDoesNotExist`, in this order.
    """
    found = list(statuses)
    if None in found:
        raise NoRelationshipToOneOrMoreRecipientsExists
    if not _OPEN.issuperset(found):
        raise RelationshipToRecipientIsNotInCorrectStatus
    if code not in codes:
        raise NotificationCodeDoesNotExist
