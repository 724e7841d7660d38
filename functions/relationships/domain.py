"""What can be done to a relationship: one state machine.  Contract: relationships.md, sections 3.2 to 3.4.

`RULES` is the contract's table: what each action requires, in the order it is checked, and what it brings about.
Nothing but this and the deletion of an identity (`deletion_domain.py`) changes a relationship, and every change leaves
an entry in its audit log.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto

from backbone.addresses import Address
from backbone.caller import Caller
from backbone.errors import BackboneError, InvalidPropertyValue, RecordNotFound
from backbone.events import DomainEvent
from backbone.events.relationships import (
    RelationshipReactivationCompleted,
    RelationshipReactivationRequested,
    RelationshipStatusChanged,
)
from backbone.ids import RelationshipId, RelationshipTemplateId
from functions.relationships import refusals
from functions.relationships.refusals import Refusal
from functions.relationships.relationship import AuditLogEntry, Reason, Relationship, Status

MAX_CONTENT_BYTES = 10 * 1024 * 1024


class Action(Enum):
    """What a participant can do to an existing relationship."""

    ACCEPT = auto()
    REJECT = auto()
    REVOKE = auto()
    TERMINATE = auto()
    REQUEST_REACTIVATION = auto()
    ACCEPT_REACTIVATION = auto()
    REJECT_REACTIVATION = auto()
    REVOKE_REACTIVATION = auto()
    DECOMPOSE = auto()


Condition = Callable[[Relationship, Address], bool]
EventOf = Callable[[Relationship, Address], DomainEvent]


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the contract's table.

    `requires` is checked in this order; `leads_to` maps every status the action is possible in to the next one.
    """

    requires: tuple[tuple[Condition, Refusal], ...]
    leads_to: Mapping[Status, Status]
    reason: Reason
    event: EventOf


def _in_status(*possible: Status) -> tuple[Condition, Refusal]:
    return lambda relationship, actor: relationship.status in possible, refusals.WRONG_STATUS


def _is_to(relationship: Relationship, actor: Address) -> bool:
    return actor == relationship.to


def _is_from(relationship: Relationship, actor: Address) -> bool:
    return actor == relationship.from_


def _reactivation_is_requested(relationship: Relationship) -> bool:
    return relationship.last_entry.reason is Reason.REACTIVATION_REQUESTED


def _no_reactivation_is_requested(relationship: Relationship, actor: Address) -> bool:
    return not _reactivation_is_requested(relationship)


def _peer_requested_reactivation(relationship: Relationship, actor: Address) -> bool:
    return _reactivation_is_requested(relationship) and relationship.last_entry.created_by != actor


def _actor_requested_reactivation(relationship: Relationship, actor: Address) -> bool:
    return _reactivation_is_requested(relationship) and relationship.last_entry.created_by == actor


def _has_not_decomposed(relationship: Relationship, actor: Address) -> bool:
    return not relationship.was_decomposed_by(actor)


def _status_changed(relationship: Relationship, actor: Address) -> DomainEvent:
    return RelationshipStatusChanged(
        relationship_id=relationship.id,
        new_status=relationship.status,
        initiator=actor,
        peer=relationship.peer_of(actor),
        was_due_to_identity_deletion=False,
        audit_position=len(relationship.audit_log),
    )


def _reactivation_requested(relationship: Relationship, actor: Address) -> DomainEvent:
    return RelationshipReactivationRequested(
        relationship_id=relationship.id,
        requesting_identity=actor,
        peer=relationship.peer_of(actor),
        audit_position=len(relationship.audit_log),
    )


def _reactivation_completed(relationship: Relationship, actor: Address) -> DomainEvent:
    return RelationshipReactivationCompleted(
        relationship_id=relationship.id,
        new_relationship_status=relationship.status,
        peer=relationship.peer_of(actor),
        audit_position=len(relationship.audit_log),
    )


_STAYS_TERMINATED = {Status.TERMINATED: Status.TERMINATED}
_ON_DECOMPOSITION = {
    Status.REJECTED: Status.DELETION_PROPOSED,
    Status.REVOKED: Status.DELETION_PROPOSED,
    Status.TERMINATED: Status.DELETION_PROPOSED,
    Status.DELETION_PROPOSED: Status.READY_FOR_DELETION,
}

RULES: Mapping[Action, Rule] = {
    # The status is checked before the actor (§11.5).
    Action.ACCEPT: Rule(
        requires=(_in_status(Status.PENDING), (_is_to, refusals.ADDRESSED_TO_SOMEONE_ELSE)),
        leads_to={Status.PENDING: Status.ACTIVE},
        reason=Reason.ACCEPTANCE_OF_CREATION,
        event=_status_changed,
    ),
    Action.REJECT: Rule(
        requires=(_in_status(Status.PENDING), (_is_to, refusals.ADDRESSED_TO_SOMEONE_ELSE)),
        leads_to={Status.PENDING: Status.REJECTED},
        reason=Reason.REJECTION_OF_CREATION,
        event=_status_changed,
    ),
    Action.REVOKE: Rule(
        requires=(_in_status(Status.PENDING), (_is_from, refusals.NOT_CREATED_BY_YOURSELF)),
        leads_to={Status.PENDING: Status.REVOKED},
        reason=Reason.REVOCATION_OF_CREATION,
        event=_status_changed,
    ),
    Action.TERMINATE: Rule(
        requires=(_in_status(Status.ACTIVE),),
        leads_to={Status.ACTIVE: Status.TERMINATED},
        reason=Reason.TERMINATION,
        event=_status_changed,
    ),
    Action.REQUEST_REACTIVATION: Rule(
        requires=((_no_reactivation_is_requested, refusals.OPEN_REACTIVATION_REQUEST), _in_status(Status.TERMINATED)),
        leads_to=_STAYS_TERMINATED,
        reason=Reason.REACTIVATION_REQUESTED,
        event=_reactivation_requested,
    ),
    # An open request implies `Terminated`: every way out of that status leaves another last entry.
    Action.ACCEPT_REACTIVATION: Rule(
        requires=((_peer_requested_reactivation, refusals.NO_ACCEPTABLE_REQUEST),),
        leads_to={Status.TERMINATED: Status.ACTIVE},
        reason=Reason.ACCEPTANCE_OF_REACTIVATION,
        event=_reactivation_completed,  # and no RelationshipStatusChanged (§11.9)
    ),
    Action.REJECT_REACTIVATION: Rule(
        requires=((_peer_requested_reactivation, refusals.NO_REJECTABLE_REQUEST),),
        leads_to=_STAYS_TERMINATED,
        reason=Reason.REJECTION_OF_REACTIVATION,
        event=_reactivation_completed,
    ),
    Action.REVOKE_REACTIVATION: Rule(
        requires=((_actor_requested_reactivation, refusals.NO_REVOCABLE_REQUEST),),
        leads_to=_STAYS_TERMINATED,
        reason=Reason.REVOCATION_OF_REACTIVATION,
        event=_reactivation_completed,
    ),
    Action.DECOMPOSE: Rule(
        requires=((_has_not_decomposed, refusals.ALREADY_DECOMPOSED), _in_status(*_ON_DECOMPOSITION)),
        leads_to=_ON_DECOMPOSITION,
        reason=Reason.DECOMPOSITION,
        event=_status_changed,
    ),
}


@dataclass(frozen=True, slots=True)
class Transition:
    """A relationship before (None: it is new) and after one change, and what the change tells other services."""

    before: Relationship | None
    after: Relationship
    event: DomainEvent


def create(
    *,
    template_id: RelationshipTemplateId,
    template_creator: Address,
    caller: Caller,
    now: datetime,
    new_id: Callable[[], RelationshipId] = RelationshipId.new,
) -> Transition:
    """A new relationship, waiting for the answer of the template's creator."""
    entry = AuditLogEntry(now, caller.address, caller.device_id, Reason.CREATION, None, Status.PENDING)
    relationship = Relationship(
        id=new_id(),
        template_id=template_id,
        from_=caller.address,
        to=template_creator,
        created_at=now,
        status=Status.PENDING,
        audit_log=(entry,),
    )
    return Transition(None, relationship, _status_changed(relationship, caller.address))


def act(relationship: Relationship, action: Action, caller: Caller, *, now: datetime) -> Transition:
    """What `action` makes of the relationship.  Raises the error of the first requirement that is not met."""
    actor = caller.address
    relationship.check_participant(actor)
    rule = RULES[action]
    for holds, refusal in rule.requires:
        if not holds(relationship, actor):
            raise refusal.error()
    entry = AuditLogEntry(
        # Clocks of two functions may disagree, but clients sort the log by time (§3.1): it never runs backwards.
        created_at=max(now, relationship.last_entry.created_at),
        created_by=actor,
        created_by_device=caller.device_id,
        reason=rule.reason,
        old_status=relationship.status,
        new_status=rule.leads_to[relationship.status],
    )
    after = replace(relationship, status=entry.new_status, audit_log=(*relationship.audit_log, entry))
    if action is Action.DECOMPOSE:
        after = after.decomposed_by(actor)
    return Transition(relationship, after, rule.event(after, actor))


def flaw_of_creation(content: bytes | None, *, template_creator: Address, caller: Caller) -> BackboneError | None:
    """What is wrong with a creation as such; the state of the peer is checked before it (§3.4 steps 4 and 8)."""
    if content is not None and len(content) > MAX_CONTENT_BYTES:
        return InvalidPropertyValue(f"The creation content must not be larger than {MAX_CONTENT_BYTES} bytes.")
    if template_creator == caller.address:
        return refusals.WITH_YOURSELF.error()
    return None


def obstacle_to_creation(*, peer_exists: bool, peer_is_active: bool, has_open_relationship: bool) -> Refusal | None:
    """What keeps an identity from becoming the peer of a new relationship (§3.4 steps 3 and 7).

    Raises `RecordNotFound` when it does not exist; clients look for "Identity not found." in the message.
    """
    if not peer_exists:
        raise RecordNotFound("Identity")
    if not peer_is_active:
        return refusals.PEER_IS_TO_BE_DELETED
    return refusals.ALREADY_EXISTS if has_open_relationship else None
