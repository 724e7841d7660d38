"""The operator's command for announcements.

    python -m functions.announcements.operator create --severity High --text en "Title" "Body" [--text de "…" "…"]
        [--action LINK en="Read more" de="Mehr"] [--recipient ADDRESS] [--expires-at 2030-01-01T00:00:00Z]
        [--silent] [--iql-query QUERY]
    python -m functions.announcements.operator list
    python -m functions.announcements.operator delete --id ANC…

The table comes from `BACKBONE_ANNOUNCEMENTS_TABLE`, credentials from AWS's usual chain.  `create` prints the id.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from backbone import clock
from backbone.errors import BackboneError
from backbone.ids import AnnouncementId
from functions.announcements.domain import Action, Announcement, Severity, Text, announce
from functions.announcements.store import AnnouncementStore


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return clock.to_milliseconds(instant if instant.tzinfo else instant.replace(tzinfo=UTC))


def _action(parts: Sequence[str]) -> Action:
    link, *names = parts
    return Action({language: name for language, _, name in (part.partition("=") for part in names)}, link)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m functions.announcements.operator", description="Manages announcements."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="announce something to everybody or to some identities")
    create.add_argument("--severity", required=True, type=Severity, choices=list(Severity), metavar="Low|Medium|High")
    create.add_argument("--text", nargs=3, action="append", default=[], metavar=("LANGUAGE", "TITLE", "BODY"))
    create.add_argument("--action", nargs="+", action="append", default=[], metavar=("LINK", "LANGUAGE=NAME"))
    create.add_argument("--recipient", action="append", default=[], help="everybody unless given; may be repeated")
    create.add_argument("--expires-at", type=_instant, help="never unless given")
    create.add_argument("--silent", action="store_true", help="no push notification")
    create.add_argument("--iql-query", help="who shall see it, decided by the clients; silent announcements only")
    commands.add_parser("list", help="show all announcements")
    delete = commands.add_parser("delete", help="take an announcement back")
    delete.add_argument("--id", required=True, type=AnnouncementId)
    return parser


def _create(store: AnnouncementStore, options: argparse.Namespace, now: datetime) -> str:
    announcement = announce(
        severity=options.severity,
        is_silent=options.silent,
        texts=[(language, Text(title, body)) for language, title, body in options.text],
        actions=[_action(parts) for parts in options.action],
        recipients=options.recipient,
        expires_at=options.expires_at,
        iql_query=options.iql_query,
        now=now,
    )
    store.add(announcement)
    return announcement.id


def _line(announcement: Announcement) -> str:
    expiry = clock.render(announcement.expires_at) if announcement.expires_at else "never expires"
    audience = f"{len(announcement.recipients)} recipients" if announcement.is_addressed else "everybody"
    silent = ", silent" if announcement.is_silent else ""
    title = announcement.text_in("en").title
    return f"{announcement.id}  {announcement.severity}  {expiry}  {audience}{silent}  {title}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when it is done, 1 with a message otherwise."""
    options = _parser().parse_args(arguments)
    store, now = AnnouncementStore(), clock.now()
    try:
        if options.command == "create":
            lines = [_create(store, options, now)]
        elif options.command == "list":
            lines = [_line(announcement) for announcement in store.all(now=now)]
        else:
            store.delete(store.get(options.id, now=now))
            lines = [f"{options.id} deleted"]
    except BackboneError as refusal:
        sys.stderr.write(f"{refusal.message}\n")
        return 1
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
