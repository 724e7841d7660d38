"""What has been sent already, and what is on its way to everybody."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from backbone import clock
from backbone.dynamodb import ConditionFailed, Key, Table
from backbone.events import DomainEvent, carried
from backbone.events.push import NotificationTestRequested
from backbone.ids import AnnouncementId, random_text
from backbone.settings import settings
from functions.push.domain import Text

CLAIMED_FOR = timedelta(seconds=330)
"""Longer than sending one event takes, shorter than redelivery waits before it tries again."""
SENT_KEPT_FOR = timedelta(days=2)
"""Whoever repeats an event does so within hours: the bus, Lambda, redelivery."""
UNSENT_KEPT_FOR = timedelta(days=30)
"""As long as failed events and dead letters are kept, 14 days each."""


_ID_LENGTH = 20


def new_notification_id() -> str:
    """Nobody sees it; it tells requests from each other."""
    return random_text(_ID_LENGTH)


class SendingInProgress(Exception):
    """Another invocation is at it; the event comes again."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send what an event asks for; `left` are the targets an earlier attempt missed (None: no attempt)."""

    event_id: str
    left: frozenset[str] | None

    def includes(self, target: str) -> bool:
        """Whether this target still has to be reached."""
        return self.left is None or target in self.left


class SendingStore:
    """Table `push`.

    sent        pk = `SENT#<event id>`, sk = `S`: claimedUntil?, left? (set of targets), settled?, events?, ttl
    campaign    pk = `CAMPAIGN#ANC…`,   sk = `C`: texts, events, ttl
    test        pk = `TEST#<id>`,       sk = `T`: events, ttl
    """

    @property
    def _table(self) -> Table:
        return Table(settings().push_table)

    def request_test(self, request: NotificationTestRequested, *, now: datetime) -> None:
        """1 write (1 WCU per KB)."""
        item = {
            "pk": f"TEST#{request.notification_id}",
            "sk": "T",
            "events": carried([request], now),
            "ttl": _ttl(now, SENT_KEPT_FOR),
        }
        self._table.put(item, condition="attribute_not_exists(pk)")

    def claim(self, event_id: str, *, now: datetime) -> Claim | None:
        """1 write (1 WCU).  None when everything has been sent.  Raises `SendingInProgress`."""
        try:
            item = self._table.update(
                _sent_key(event_id),
                "SET #claimedUntil = :until, #ttl = :ttl",
                {"until": clock.render(now + CLAIMED_FOR), "now": clock.render(now), "ttl": _ttl(now, UNSENT_KEPT_FOR)},
                condition="attribute_not_exists(#settled) AND"
                " (attribute_not_exists(#claimedUntil) OR #claimedUntil <= :now)",
            )
        except ConditionFailed as lost:
            if lost.item and "settled" in lost.item:
                return None
            raise SendingInProgress(event_id) from None
        return Claim(event_id, frozenset(item["left"]) if "left" in item else None)

    def settle(self, claim: Claim, *, then: Iterable[DomainEvent] = (), now: datetime) -> None:
        """1 write (1 WCU): everything is sent.  What comes `then` is told by the same write."""
        events = carried(then, now)
        self._table.update(
            _sent_key(claim.event_id),
            f"SET #settled = :settled, #ttl = :ttl{', #events = :events' if events else ''}"
            " REMOVE #claimedUntil, #left",
            {"settled": True, "ttl": _ttl(now, SENT_KEPT_FOR), **({"events": events} if events else {})},
        )

    def give_up(self, claim: Claim, left: Collection[str], *, then: Iterable[DomainEvent] = (), now: datetime) -> None:
        """1 write (1 WCU per KB, about 25 targets): these are left for the next attempt."""
        events = carried(then, now)
        self._table.update(
            _sent_key(claim.event_id),
            f"SET #left = :left, #ttl = :ttl{', #events = :events' if events else ''} REMOVE #claimedUntil",
            {"left": set(left), "ttl": _ttl(now, UNSENT_KEPT_FOR), **({"events": events} if events else {})},
        )

    def begin_campaign(
        self,
        announcement_id: AnnouncementId,
        texts: Mapping[str, Text],
        first: Iterable[DomainEvent],
        *,
        now: datetime,
    ) -> None:
        """1 write (1 WCU per KB; texts have at most 100), carrying what has to be done first.  May be repeated."""
        item = {
            **_campaign_key(announcement_id),
            "texts": {language: [text.title, text.body] for language, text in texts.items()},
            "events": carried(first, now),
            "ttl": _ttl(now, UNSENT_KEPT_FOR),
        }
        try:
            self._table.put(item, condition="attribute_not_exists(pk)")
        except ConditionFailed:
            return

    def texts_of_campaign(self, announcement_id: AnnouncementId) -> dict[str, Text] | None:
        """1 eventually consistent read (0.5 RCU per 4 KB).  None: it has been too long ago."""
        item = self._table.get(_campaign_key(announcement_id), consistent=False)
        return {language: Text(*parts) for language, parts in item["texts"].items()} if item else None


def _sent_key(event_id: str) -> Key:
    return {"pk": f"SENT#{event_id}", "sk": "S"}


def _campaign_key(announcement_id: AnnouncementId) -> Key:
    return {"pk": f"CAMPAIGN#{announcement_id}", "sk": "C"}


def _ttl(now: datetime, kept_for: timedelta) -> int:
    return clock.epoch_seconds(now + kept_for)
