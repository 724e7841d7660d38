"""What Quotas does about events.  Contract: quotas.md, sections 2 and 8.

What is created is counted by whoever creates it, in the same transaction.  What goes, deleted or expired, is counted
here: whatever physically exists counts (section 2).
"""

from datetime import datetime

from backbone import clock
from backbone.addresses import Address
from backbone.consumers import Consumers
from backbone.events import EventEnvelope
from backbone.events.challenges import ChallengeRemoved
from backbone.events.deletion import IdentityDataDeleted
from backbone.events.devices import IdentityDeleted, TierDeleted
from backbone.events.files import FileRemoved
from backbone.events.relationships import RelationshipTemplateRemoved
from backbone.events.tokens import TokenFilled, TokenRemoved
from backbone.quotas import Metric
from functions.quotas.store import Adjustment, QuotaStore

consumers = Consumers("quotas")
store = QuotaStore()


@consumers.on(FileRemoved)
def uncount_file(event: FileRemoved, envelope: EventEnvelope) -> None:
    """One file less, and its bytes."""
    _adjust(
        envelope,
        _one_less(event.created_by, Metric.NUMBER_OF_FILES, event.created_at),
        Adjustment(event.created_by, Metric.USED_FILE_STORAGE_SPACE, -event.cipher_size, event.created_at),
    )


@consumers.on(TokenRemoved)
def uncount_token(event: TokenRemoved, envelope: EventEnvelope) -> None:
    """One token less."""
    _adjust(envelope, _one_less(event.created_by, Metric.NUMBER_OF_TOKENS, event.created_at))


@consumers.on(TokenFilled)
def count_for_new_creator(event: TokenFilled, envelope: EventEnvelope) -> None:
    """Who fills an empty token is its creator from then on (tokens.md, section 3.5); nobody is refused for it."""
    if event.old_creator == event.new_creator:
        return
    adjustments = [Adjustment(event.new_creator, Metric.NUMBER_OF_TOKENS, 1, event.created_at)]
    if event.old_creator is not None:
        adjustments.append(_one_less(event.old_creator, Metric.NUMBER_OF_TOKENS, event.created_at))
    _adjust(envelope, *adjustments)


@consumers.on(RelationshipTemplateRemoved)
def uncount_template(event: RelationshipTemplateRemoved, envelope: EventEnvelope) -> None:
    """One template less."""
    _adjust(envelope, _one_less(event.created_by, Metric.NUMBER_OF_RELATIONSHIP_TEMPLATES, event.created_at))


@consumers.on(ChallengeRemoved)
def uncount_challenge(event: ChallengeRemoved, envelope: EventEnvelope) -> None:
    """One challenge less."""
    _adjust(envelope, _one_less(event.created_by, Metric.NUMBER_OF_CREATED_CHALLENGES, event.created_at))


@consumers.on(TierDeleted)
def forget_definitions(event: TierDeleted, envelope: EventEnvelope) -> None:
    """Its definitions go; nobody is in it any more."""
    store.forget_tier(event.tier_id)


@consumers.on(IdentityDeleted)
def forget_identity(event: IdentityDeleted, envelope: EventEnvelope) -> None:
    """Its quotas and counts go."""
    if not store.has_confirmed(event.deletion_process_id):
        store.forget_identity(event.identity_address)
    confirmation = IdentityDataDeleted(
        identity_address=event.identity_address,
        deletion_process_id=event.deletion_process_id,
        service="quotas",
        aggregates=("QuotaIdentities",),
    )
    store.confirm(confirmation, now=clock.now())


def _one_less(address: Address, metric: Metric, created_at: datetime) -> Adjustment:
    return Adjustment(address, metric, -1, created_at)


def _adjust(envelope: EventEnvelope, *adjustments: Adjustment) -> None:
    store.adjust(envelope.id, adjustments, now=clock.now())
