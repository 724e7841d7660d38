"""Whether the Backbone can do its work: does the database answer?  Asked of both APIs at `/health`.

One small read tells; its answer is kept for a few seconds, so that polling costs next to nothing.
"""

import time

from backbone.observability import logger
from backbone.readmodels import challenges

ANSWER_KEPT_SECONDS = 10
_PROBE = challenges.key("health")
_last: tuple[float, bool] | None = None


def is_healthy() -> bool:
    """Ask the database, at most once in ten seconds (0.5 RCU)."""
    global _last
    now = time.monotonic()
    if _last is None or now - _last[0] > ANSWER_KEPT_SECONDS:
        _last = (now, _database_answers())
    return _last[1]


def forget() -> None:
    """Ask again next time."""
    global _last
    _last = None


def _database_answers() -> bool:
    try:
        challenges.table().get(_PROBE, consistent=False)
    except Exception:
        # Whatever the reason, the answer is no; the reason is in the log.
        logger.exception("the database does not answer", event_id=857312)
        return False
    return True
