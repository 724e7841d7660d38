"""Where announcements are kept."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from backbone import clock
from backbone.addresses import Address
from backbone.deletion import confirm_deletion, is_confirmed
from backbone.dynamodb import (
    TRANSACTION_LIMIT,
    ConditionFailed,
    Item,
    Key,
    Table,
    TransactionFailed,
    Write,
    batch_get,
    transact,
)
from backbone.errors import RecordNotFound
from backbone.events import carried
from backbone.events.deletion import IdentityDataDeleted
from backbone.ids import AnnouncementId, IdentityDeletionProcessId
from backbone.settings import settings
from functions.announcements.domain import Action, Announcement, Severity, Text, announcement_created

_ALL = "A"
"""The one partition of all announcements.  There are few of them, and everybody reads those for everybody."""
_FOR_EVERYBODY = "E#"
_ADDRESSED = "R#"
NOTICE_KEPT = timedelta(days=1)
"""The stream has taken the event long before."""


class AnnouncementStore:
    """Table `announcements`.  TTL on `ttl`, thirty days after expiry.  No index.

    announcement for everybody   pk = `A`             sk = `E#ANC…`
    addressed announcement       pk = `A`             sk = `R#ANC…`, attribute `recipients`
    addressee                    pk = `TO#<address>`  sk = `ANC…`, nothing else
    notice                       pk = `ANC…`          sk = `N`, carries the event: apart, so that nobody reads it along
    """

    @property
    def _table(self) -> Table:
        return Table(settings().announcements_table)

    def add(self, announcement: Announcement) -> None:
        """1 transaction: announcement, notice, one addressee per recipient (4 WCU + 2 per recipient).

        With 99 or 100 recipients 2: the announcement comes last and makes all of it visible.
        """
        ttl = _ttl(announcement.disposable_at)
        notice = {
            "pk": announcement.id,
            "sk": "N",
            "events": carried([announcement_created(announcement)], announcement.created_at),
            "ttl": _ttl(announcement.created_at + NOTICE_KEPT),
        }
        writes = [
            *(
                self._table.putting({**_addressee_key(to, announcement.id), "ttl": ttl})
                for to in announcement.recipients
            ),
            self._table.putting(notice),
            self._table.putting({**_item(announcement), "ttl": ttl}, condition="attribute_not_exists(pk)"),
        ]
        begin = max(0, len(writes) - TRANSACTION_LIMIT)
        if begin:
            transact(writes[:begin])
        transact(writes[begin:])

    def visible_to(self, address: Address, *, now: datetime) -> list[Announcement]:
        """Those for everybody and those addressed to `address`, oldest first.

        2 queries at the same time (1 RCU each, or per 4 KB listed); if any is addressed, 1 batch of reads (1 RCU each).
        """
        with ThreadPoolExecutor(max_workers=1) as other:
            addressed = other.submit(lambda: list(self._table.query_all("pk = :to", {"to": _to(address)})))
            found = list(self._all(_FOR_EVERYBODY))
            keys = [_addressed_key(AnnouncementId(entry["sk"])) for entry in addressed.result()]
        found += [item for item in batch_get(*((self._table, key) for key in keys)) if item] if keys else []
        announcements = [announcement for item in found if (announcement := _announcement(item)).is_listed(now)]
        return sorted(announcements, key=lambda each: (each.created_at, each.id))

    def all(self, *, now: datetime) -> list[Announcement]:
        """Every announcement, for the operator, oldest first.  1 query per 1 MB of them."""
        announcements = [_announcement(item) for item in self._all("")]
        return sorted(
            (each for each in announcements if each.is_listed(now)), key=lambda each: (each.created_at, each.id)
        )

    def get(self, announcement_id: AnnouncementId, *, now: datetime) -> Announcement:
        """1 batch of reads (2 RCU), because an id does not tell whom it is for.  Raises `RecordNotFound`."""
        keys = (_everybody_key(announcement_id), _addressed_key(announcement_id))
        for item in batch_get(*((self._table, key) for key in keys)):
            if item and (announcement := _announcement(item)).is_listed(now):
                return announcement
        raise RecordNotFound("Announcement")

    def delete(self, announcement: Announcement) -> None:
        """1 transaction, 2 with 100 recipients: the announcement goes first.  Deleting twice: `RecordNotFound`."""
        writes: list[Write] = [
            self._table.deleting(_key(announcement), condition="attribute_exists(pk)"),
            *(self._table.deleting(_addressee_key(to, announcement.id)) for to in announcement.recipients),
        ]
        try:
            for begin in range(0, len(writes), TRANSACTION_LIMIT):
                transact(writes[begin : begin + TRANSACTION_LIMIT])
        except TransactionFailed:
            raise RecordNotFound("Announcement") from None

    def forget_recipient(self, address: Address) -> None:
        """Remove a deleted identity from all lists of recipients (misc.md, section 2.2); may be repeated.

        1 query, then 2 writes per announcement addressed to it.  The announcements stay addressed.
        """
        for entry in self._table.query_all("pk = :to", {"to": _to(address)}):
            announcement_id = AnnouncementId(entry["sk"])
            with suppress(ConditionFailed):  # it has been deleted or has expired meanwhile
                self._table.update(
                    _addressed_key(announcement_id),
                    "DELETE #recipients :gone",
                    {"gone": {address}},
                    condition="attribute_exists(pk)",
                )
            self._table.delete(_addressee_key(address, announcement_id))

    def has_confirmed(self, deletion_process_id: IdentityDeletionProcessId) -> bool:
        """1 read (1 RCU)."""
        return is_confirmed(self._table, deletion_process_id)

    def confirm_deletion(self, deleted: IdentityDataDeleted, *, now: datetime) -> None:
        """1 write (1 WCU).  pk = `DELETED#<process id>`, sk = `DELETED`; TTL a month."""
        confirm_deletion(self._table, deleted, now=now)

    def _all(self, prefix: str) -> Iterator[Item]:
        if not prefix:
            return self._table.query_all("pk = :all", {"all": _ALL})
        return self._table.query_all("pk = :all AND begins_with(sk, :kind)", {"all": _ALL, "kind": prefix})


def _to(address: Address) -> str:
    return f"TO#{address}"


def _addressee_key(address: Address, announcement_id: AnnouncementId) -> dict[str, Any]:
    return {"pk": _to(address), "sk": announcement_id}


def _everybody_key(announcement_id: AnnouncementId) -> Key:
    return {"pk": _ALL, "sk": f"{_FOR_EVERYBODY}{announcement_id}"}


def _addressed_key(announcement_id: AnnouncementId) -> Key:
    return {"pk": _ALL, "sk": f"{_ADDRESSED}{announcement_id}"}


def _key(announcement: Announcement) -> Key:
    return _addressed_key(announcement.id) if announcement.is_addressed else _everybody_key(announcement.id)


def _ttl(disposable_at: datetime | None) -> int | None:
    return clock.epoch_seconds(disposable_at) if disposable_at else None


def _item(announcement: Announcement) -> Item:
    return {
        **_key(announcement),
        "createdAt": clock.render(announcement.created_at),
        "expiresAt": clock.render(announcement.expires_at) if announcement.expires_at else None,
        "severity": str(announcement.severity),
        "silent": True if announcement.is_silent else None,
        "texts": {language: [text.title, text.body] for language, text in announcement.texts.items()},
        "actions": [[action.link, dict(action.display_name)] for action in announcement.actions] or None,
        "iqlQuery": announcement.iql_query,
        "recipients": set(announcement.recipients) or None,
    }


def _announcement(item: Item) -> Announcement:
    kind, announcement_id = item["sk"][:2], item["sk"][2:]
    return Announcement(
        id=AnnouncementId(announcement_id),
        created_at=clock.parse(item["createdAt"]),
        expires_at=clock.parse(item["expiresAt"]) if "expiresAt" in item else None,
        severity=Severity(item["severity"]),
        is_silent=item.get("silent", False),
        texts={language: Text(*parts) for language, parts in item["texts"].items()},
        actions=tuple(Action(names, link) for link, names in item.get("actions", ())),
        iql_query=item.get("iqlQuery"),
        is_addressed=kind == _ADDRESSED,
        recipients=frozenset(map(Address, item.get("recipients", ()))),
    )
