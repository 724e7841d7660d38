"""What the tests of deleted identities begin with: the events of Relationships and Devices, raised by hand."""

from dataclasses import dataclass, field

from backbone import clock, dynamodb
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.deletion import confirm_deletion
from backbone.dynamodb import Item
from backbone.events import DomainEvent, EventEnvelope
from backbone.events.deletion import IdentityDataDeleted
from backbone.events.devices import IdentityDeleted
from backbone.events.messages import MessageOrphaned
from backbone.ids import IdentityDeletionProcessId, MessageId, RelationshipId
from backbone.readmodels import relationships
from backbone.settings import settings
from functions.messages.consumers import consumers
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import LONG_AGO, given_relationship, process_of
from tests.unit.messages.journeys import given_message, listed, read
from tests.unit.messages.test_decomposition import decomposed

PSEUDONYM = Address("did:e:localhost:dids:3a29ae5c1f591bbd9a2aaa")


def heard(event: DomainEvent) -> None:
    """An event reaches Messages."""
    consumers.handle(EventEnvelope.of(event, clock.now()))


def left(
    who: Caller, peer: Caller | Address, relationship_id: RelationshipId, status: str = "DeletionProposed"
) -> None:
    """A deleted identity leaves a relationship; the item of the pair goes in the same transaction."""
    pair = relationships.pair_key(who.address, peer.address if isinstance(peer, Caller) else peer)
    relationships.table().delete(pair)
    decomposed(who, peer, relationship_id, new_status=status, was_due_to_identity_deletion=True, audit_position=9)


def orphaned(message_id: str) -> None:
    """The event of an orphan."""
    heard(MessageOrphaned(message_id=MessageId(message_id)))


def begun(who: Caller, process: IdentityDeletionProcessId | None = None) -> None:
    """Devices says that the deletion begins."""
    heard(IdentityDeleted(identity_address=who.address, deletion_process_id=process or process_of(who.address)))


def relationships_are_left(
    who: Caller, process: IdentityDeletionProcessId | None = None, *, service: str = "relationships"
) -> None:
    """Relationships (or another service) has nothing left of the identity."""
    event = IdentityDataDeleted(
        identity_address=who.address,
        deletion_process_id=process or process_of(who.address),
        service=service,
        aggregates=(),
    )
    if service == "relationships":
        confirm_deletion(relationships.table(), event, now=LONG_AGO)
    heard(event)


def stored_items() -> list[Item]:
    """Everything in the table."""
    return [dynamodb.decode(item) for item in dynamodb.client().scan(TableName=settings().messages_table)["Items"]]


def traces(who: Caller) -> list[Item]:
    """Items that name somebody; the mark of the deletion and counters that are about to go aside."""
    return [
        item
        for item in stored_items()
        if who.address in str(item)
        and not item["pk"].startswith("DELETED#")
        and not (item["pk"].startswith("UNRECEIVED#") and "ttl" in item)
    ]


@dataclass
class Circle:
    """S has a relationship with R1 and with R2."""

    api: InProcessApi
    s: Caller = field(default_factory=new_caller)
    r1: Caller = field(default_factory=new_caller)
    r2: Caller = field(default_factory=new_caller)

    def __post_init__(self) -> None:
        self.to_r1 = given_relationship(self.s.address, self.r1.address).id
        self.to_r2 = given_relationship(self.r2.address, self.s.address).id

    def sent(self) -> str:
        """The id of a message of S to both."""
        ids = [self.to_r1, self.to_r2]
        return given_message(self.s, [self.r1, self.r2], relationship_ids=ids).id

    def answered(self) -> str:
        """The id of a message of R1 to S."""
        return given_message(self.r1, [self.s], relationship_ids=[self.to_r1]).id

    def seen_by(self, reader: Caller, message_id: str) -> tuple[str, list[str]] | None:
        """Sender and recipients as the reader sees them; None when he does not see the message."""
        answer = read(self.api, reader, message_id)
        assert (message_id in listed(self.api, reader)) == (answer.status == 200)
        if answer.status == 404:
            return None
        return answer.result["createdBy"], [recipient["address"] for recipient in answer.result["recipients"]]
