"""What the deletion of an identity does to its relationships.  Contract: relationships.md, section 6."""

from dataclasses import dataclass, replace
from datetime import datetime

from backbone.addresses import Address
from backbone.events import DomainEvent
from backbone.events.devices import IdentityDeleted
from backbone.events.relationships import PeerDeleted, RelationshipAnonymised, RelationshipStatusChanged
from functions.relationships.peers_domain import HEAR_OF_DELETION
from functions.relationships.relationship import AuditLogEntry, Reason, Relationship, Status


@dataclass(frozen=True, slots=True)
class Departure:
    """How a deleted identity leaves a relationship: first it decomposes it, then it is not named any more.

    `decomposed` still names it, which tells the two sides apart even if the other one is anonymous already.
    """

    decomposed: Relationship
    anonymous: Relationship
    events: tuple[DomainEvent, ...]


def depart(
    relationship: Relationship, deletion: IdentityDeleted, *, pseudonym: Address, now: datetime
) -> Departure | None:
    """None when it has left already, or had decomposed the relationship before: then only its name goes (`forget`).

    Whoever hears `PeerDeleted` hears it with the change of status, not apart from it, so neither gets lost (§11.11).
    """
    address = deletion.identity_address
    if not relationship.has_participant(address) or relationship.was_decomposed_by(address):
        return None
    proposed = relationship.status is Status.DELETION_PROPOSED
    entry = AuditLogEntry(
        created_at=max(now, relationship.last_entry.created_at),
        created_by=address,
        created_by_device=None,
        reason=Reason.DECOMPOSITION_DUE_TO_IDENTITY_DELETION,
        old_status=relationship.status,
        new_status=Status.READY_FOR_DELETION if proposed else Status.DELETION_PROPOSED,
    )
    changed = replace(relationship, status=entry.new_status, audit_log=(*relationship.audit_log, entry))
    decomposed = changed.decomposed_by(address)
    return Departure(decomposed, _anonymous(decomposed, address, pseudonym), _told(relationship, decomposed, deletion))


def forget(
    relationship: Relationship, deletion: IdentityDeleted, *, pseudonym: Address
) -> tuple[Relationship, RelationshipAnonymised] | None:
    """A relationship that it had decomposed before, without its name, and what Messages has to know.

    The reference lets the name stand (§11.10); here nothing keeps the address of a deleted identity.
    """
    address = deletion.identity_address
    if not relationship.has_participant(address):
        return None
    event = RelationshipAnonymised(
        relationship_id=relationship.id,
        deleted_identity=address,
        peer=relationship.peer_of(address),
        deletion_process_id=deletion.deletion_process_id,
    )
    return _anonymous(relationship, address, pseudonym), event


def _told(before: Relationship, after: Relationship, deletion: IdentityDeleted) -> tuple[DomainEvent, ...]:
    address = deletion.identity_address
    peer = before.peer_of(address)
    status_changed = RelationshipStatusChanged(
        relationship_id=after.id,
        new_status=after.status,
        initiator=address,
        peer=peer,
        was_due_to_identity_deletion=True,
        audit_position=len(after.audit_log),
    )
    if before.status not in HEAR_OF_DELETION:
        return (status_changed,)
    peer_deleted = PeerDeleted(
        peer_of_deleted_identity=peer,
        relationship_id=after.id,
        deleted_identity=address,
        deletion_process_id=deletion.deletion_process_id,
    )
    return peer_deleted, status_changed


def _anonymous(relationship: Relationship, address: Address, pseudonym: Address) -> Relationship:
    def name(participant: Address) -> Address:
        return pseudonym if participant == address else participant

    log = (replace(entry, created_by=name(entry.created_by)) for entry in relationship.audit_log)
    return replace(relationship, from_=name(relationship.from_), to=name(relationship.to), audit_log=tuple(log))
