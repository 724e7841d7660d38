"""Who has how many relationships: what a change counts besides what quotas let the caller use up.

Creation and acceptance count for the caller and are limited (`backbone.quotas.Allowance`); every other change counts
here, in its own transaction, so that the numbers are right at every moment (quotas.md §2, docs/decisions/quotas.md).
"""

from datetime import datetime

from backbone.addresses import Address
from backbone.dynamodb import Write
from backbone.quotas import Metric
from backbone.quotas import store as usage
from backbone.readmodels import identities
from functions.relationships.relationship import Relationship


def changes(before: Relationship, after: Relationship, *, now: datetime, leaving: Address | None = None) -> list[Write]:
    """The parts of a transaction that count a change: 2 WCU for who has one less, 4 for who has one more.

    They fail for an identity that is (being) deleted: nothing is counted for it any more.  `leaving` is one of which
    that is known.  Who had given up a relationship that was refused before leaves it to the other one, who then has one
    more.
    """
    writes = [_count(address, -1, after, now) for address in before.counted_for - after.counted_for - {leaving}]
    for address in after.counted_for - before.counted_for - {leaving}:
        writes += [identities.check_not_deleting(address), _count(address, 1, after, now)]
    return writes


def _count(address: Address, amount: int, relationship: Relationship, now: datetime) -> Write:
    return usage.counting(
        address,
        Metric.NUMBER_OF_RELATIONSHIPS,
        amount,
        now=now,
        created_at=relationship.created_at,
        only_if_known=amount < 0,
    )
