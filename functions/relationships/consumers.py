"""What Relationships does about identities that end or change.  Contract: relationships.md, sections 5 and 6.

Every reaction may be repeated.  What it has told or removed already it finds told or removed, so a reaction that takes
longer than an invocation is finished by the next delivery of its event.
"""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from backbone import clock
from backbone.addresses import Address, anonymised_address
from backbone.consumers import Consumers
from backbone.events import EventEnvelope
from backbone.events.devices import (
    FeatureFlagsOfIdentityChanged,
    IdentityDeleted,
    IdentityDeletionCancelled,
    IdentityToBeDeleted,
)
from backbone.events.relationships import RelationshipRemoved
from backbone.settings import settings
from functions.relationships import peers_domain
from functions.relationships.deletion_store import DeletionStore
from functions.relationships.parties_store import PartyStore
from functions.relationships.peers_domain import News, Tie
from functions.relationships.store import RelationshipStore
from functions.relationships.templates_store import TemplateStore
from functions.relationships.unused_templates_store import UnusedTemplateStore

consumers = Consumers("relationships")
parties = PartyStore()
unused_templates = UnusedTemplateStore()
deletions = DeletionStore(parties, RelationshipStore(), TemplateStore())

INDEX_LAG = timedelta(seconds=2)
"""By then an index has what its table has: AWS says within a fraction of a second."""


@consumers.on(IdentityToBeDeleted)
def tell_peers_of_coming_deletion(event: IdentityToBeDeleted, envelope: EventEnvelope) -> None:
    """`PeerToBeDeleted` for each relationship that is pending, active or terminated."""
    _tell_peers(event.identity_address, lambda tie: peers_domain.of_deletion(tie, event), envelope)


@consumers.on(IdentityDeletionCancelled)
def tell_peers_of_cancellation(event: IdentityDeletionCancelled, envelope: EventEnvelope) -> None:
    """`PeerDeletionCancelled` for each relationship that is pending, active or terminated."""
    _tell_peers(event.identity_address, lambda tie: peers_domain.of_cancellation(tie, event), envelope)


@consumers.on(FeatureFlagsOfIdentityChanged)
def tell_who_knows_of_feature_flags(event: FeatureFlagsOfIdentityChanged, envelope: EventEnvelope) -> None:
    """`PeerFeatureFlagsChanged` for each peer (pending or active) and everybody who has allocated a template."""
    told = _tell_peers(event.identity_address, lambda tie: peers_domain.of_feature_flags(tie, event), envelope)
    told.add(anonymised_address(settings().did_domain))
    for allocation in parties.allocations_of_templates_by(event.identity_address):
        if allocation.allocated_by not in told and _was_there(allocation.allocated_at, envelope):
            told.add(allocation.allocated_by)
            news = peers_domain.feature_flags_changed(event, allocation.allocated_by)
            parties.tell_allocator(allocation, news, at=envelope.time)


@consumers.on(IdentityDeleted)
def take_out_of_everything(event: IdentityDeleted, envelope: EventEnvelope) -> None:
    """Leave all relationships, delete the templates, become anonymous everywhere else, and say so (§6).

    Nothing new can come: creating a relationship requires that neither side is being deleted.
    """
    for _ in () if deletions.has_confirmed(event.deletion_process_id) else _twice(envelope):
        now = clock.now()
        deletions.leave_relationships(event, now=now)
        deletions.delete_templates(event, now=now)
        deletions.anonymise_personalised_templates(event)
        deletions.anonymise_allocations(event)
    deletions.confirm(event, now=clock.now())


@consumers.on(RelationshipRemoved)
def let_template_go(event: RelationshipRemoved, envelope: EventEnvelope) -> None:
    """The template of a relationship that has gone goes, too, if it has expired and no other relationship uses it."""
    unused_templates.release(event, now=clock.now())


def _tell_peers(address: Address, news_for: Callable[[Tie], News | None], envelope: EventEnvelope) -> set[Address]:
    """Let the relationships of an identity carry news for its peers; answers who there is to be told."""
    told = set()
    for _ in _twice(envelope):
        for tie in parties.ties_of(address):
            if _was_there(tie.created_at, envelope) and (news := news_for(tie)) is not None:
                parties.tell(tie, news, at=envelope.time)
                told.add(tie.peer)
    return told


def _was_there(created_at: datetime, envelope: EventEnvelope) -> bool:
    """Whether news may concern what was created then.

    If not, the event comes so late that the identity has been deleted and has registered again meanwhile.  Clocks
    differ by less than the indexes lag behind.
    """
    return created_at <= envelope.time + INDEX_LAG


def _twice(envelope: EventEnvelope) -> Iterator[None]:
    """At once, and again when the indexes have all that was there when the event was raised.

    The second time finds nothing to do, unless something was created a moment before the event.
    """
    yield
    lag_is_over = envelope.time + INDEX_LAG
    time.sleep(max(0.0, (lag_is_over - clock.now()).total_seconds()))
    yield
