"""The operator's commands for announcements: `backbone announcement …`.  Contract: admin-api.md, section 13.

`send` asks for the texts when it is given none; with `--title` it asks nothing.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from backbone import clock
from backbone.ids import AnnouncementId
from cli.output import AsJson, CommandFailed, confirm, say, show
from functions.announcements.domain import Action, Announcement, Severity, Text, announce
from functions.announcements.store import AnnouncementStore

app = typer.Typer(help="Tells identities something.", no_args_is_help=True)

Texts = list[tuple[str, Text]]


@app.command()
def send(
    severity: Annotated[Severity, typer.Option(help="How important it is.", case_sensitive=False)],
    title: Annotated[
        list[str] | None,
        typer.Option(metavar="LANGUAGE=TITLE", help="Like en=Hello; may be repeated. Without one, you are asked."),
    ] = None,
    body: Annotated[list[str] | None, typer.Option(metavar="LANGUAGE=BODY", help="One for each title.")] = None,
    action: Annotated[
        list[str] | None,
        typer.Option(metavar="'LINK NAMES'", help="Like 'https://example.org en=Read more; de=Mehr'; may be repeated."),
    ] = None,
    recipients: Annotated[
        list[str] | None,
        typer.Option("--recipients", "--recipient", metavar="ADDRESSES", help="To whom; everybody unless given."),
    ] = None,
    expiration: Annotated[
        str | None, typer.Option(help="When it expires, like 2030-01-31; never unless given.")
    ] = None,
    silent: Annotated[bool, typer.Option(help="Send no push notification.")] = False,
    iql_query: Annotated[
        str | None, typer.Option(help="Who shall see it, decided by clients; silent ones only.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Announce something to everybody or to some identities; prints the announcement's id."""
    now = clock.now()
    announcement = announce(
        severity=severity,
        is_silent=silent,
        texts=_texts(title, body or []) if title else _ask_for_texts(),
        actions=[_action(each) for each in action or ()],
        recipients=[address for each in recipients or () for address in re.split(r"[\s,]+", each) if address],
        expires_at=_instant(expiration) if expiration else None,
        iql_query=iql_query,
        now=now,
    )
    if not title:
        confirm("Send it?", yes=False)
    AnnouncementStore().add(announcement)
    if as_json:
        show(describe(announcement), as_json=True)
    else:
        typer.echo(announcement.id)


@app.command("list")
def list_announcements(as_json: AsJson = False) -> None:
    """Show all announcements, oldest first."""
    found = AnnouncementStore().all(now=clock.now())
    show([describe(announcement) for announcement in found], as_json=as_json, empty="There are no announcements.")


@app.command()
def delete(
    announcement_id: Annotated[
        AnnouncementId, typer.Option("--id", parser=AnnouncementId.parse, metavar="ANC…", help="Which.")
    ],
) -> None:
    """Take an announcement back."""
    store = AnnouncementStore()
    store.delete(store.get(announcement_id, now=clock.now()))
    say(f"Announcement {announcement_id} is deleted.")


def describe(announcement: Announcement) -> dict[str, Any]:
    """What an operator sees of an announcement."""
    return {
        "id": announcement.id,
        "createdAt": clock.render(announcement.created_at),
        "expiresAt": clock.render(announcement.expires_at) if announcement.expires_at else None,
        "severity": announcement.severity,
        "isSilent": announcement.is_silent,
        "recipients": len(announcement.recipients) if announcement.is_addressed else "everybody",
        "languages": sorted(announcement.texts),
        "title": announcement.text_in("en").title,
    }


def _ask_for_texts() -> Texts:
    """English first, then as many languages as wanted."""
    texts = [("en", Text(_ask("English title"), _ask("English body")))]
    while language := typer.prompt("Another language (its code, or nothing)", default="", show_default=False, err=True):
        texts.append((language, Text(_ask(f"Title ({language})"), _ask(f"Body ({language})"))))
    return texts


def _ask(what: str) -> str:
    answer: str = typer.prompt(what, err=True)
    return answer


def _texts(titles: Sequence[str], bodies: Sequence[str]) -> Texts:
    by_language = dict(_pair(body) for body in bodies)
    return [(language, Text(title, by_language.get(language, ""))) for language, title in map(_pair, titles)]


def _action(text: str) -> Action:
    link, _, names = text.strip().partition(" ")
    return Action(dict(_pair(name) for name in names.split(";") if name.strip()), link)


def _pair(text: str) -> tuple[str, str]:
    language, separator, words = text.partition("=")
    if not separator:
        raise CommandFailed(f"'{text}' does not say in which language it is, like 'en={text}'")
    return language.strip(), words.strip()


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise CommandFailed(f"'{text}' is no date, like 2030-01-31 or 2030-01-31T12:00:00Z") from None
    return clock.to_milliseconds(instant if instant.tzinfo else instant.replace(tzinfo=UTC))
