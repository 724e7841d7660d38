"""`backbone events …`: what became of events that could not be handled.  Runbook: docs/operating.md, 'Dead letters'."""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated

import typer

from backbone import clock
from cli import target
from cli.dead_letters import WORK_SECONDS, CannotReplay, DeadLetters, Letter
from cli.output import AsJson, CommandFailed, confirm, progress, say, show

app = typer.Typer(help="Looks after events that could not be handled (dead letters).", no_args_is_help=True)

Consumer = Annotated[
    str | None, typer.Argument(help="Of which consumer, like 'messages-consumer', or of 'streams'; all unless given.")
]
EventName = Annotated[str | None, typer.Option("--event", help="Only events of this name.")]
EventId = Annotated[str | None, typer.Option("--id", help="Only the event with this id.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command("list")
def list_letters(
    consumer: Consumer = None,
    event: EventName = None,
    event_id: EventId = None,
    limit: Annotated[int, typer.Option(help="Show so many at most.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show dead letters; those that were just looked at may be missing for two seconds."""
    dead_letters = DeadLetters(target.stack_name())
    wanted = (
        one
        for one in _letters(dead_letters, consumer)
        if _is_wanted(one, event, event_id) and dead_letters.is_of(one, consumer)
    )
    found = [
        {
            "consumer": dead_letters.consumer_of(letter),
            "event": letter.name,
            "id": letter.id,
            "sentAt": clock.render(letter.sent_at),
            "correlationId": letter.correlation_id,
        }
        for letter in islice(wanted, limit)
    ]
    show(found, as_json=as_json, empty="There are no dead letters.")


@app.command()
def replay(
    consumer: Consumer = None, event: EventName = None, event_id: EventId = None, as_json: AsJson = False
) -> None:
    """Have events handled once more; consumers drop what they have already done."""
    dead_letters = DeadLetters(target.stack_name())
    replayed: list[dict[str, str]] = []
    problems: list[str] = []
    left: list[Letter] = []
    with progress("replaying", total=sum(dead_letters.count().values())) as advance:
        for letter in _letters(dead_letters, consumer, hidden_seconds=WORK_SECONDS):
            advance(1)
            if not (_is_wanted(letter, event, event_id) and dead_letters.is_of(letter, consumer)):
                left.append(letter)
                continue
            row = {"consumer": dead_letters.consumer_of(letter), "event": letter.name, "id": letter.id}
            try:
                dead_letters.replay(letter)
            except CannotReplay as problem:
                left.append(letter)
                problems.append(f"{letter.name} {letter.id}: {problem}")
            else:
                replayed.append(row)
    for letter in left:  # only now, or they would be met again
        dead_letters.put_back(letter)
    show(replayed, as_json=as_json, empty="Nothing was replayed.")
    for line in problems:
        say(line)
    if problems:
        raise CommandFailed(f"{len(problems)} could not be replayed")


@app.command()
def discard(
    event_id: Annotated[str, typer.Argument(metavar="ID", help="The event's id, from the list.")],
    consumer: Annotated[str | None, typer.Option("--consumer", help="Of which consumer; any unless given.")] = None,
    yes: Yes = False,
) -> None:
    """Delete a dead letter for good."""
    dead_letters = DeadLetters(target.stack_name())
    for letter in _letters(dead_letters, consumer):
        if letter.id != event_id or not dead_letters.is_of(letter, consumer):
            continue
        confirm(f"Delete {letter.name} {letter.id}? Nobody will ever handle it.", yes=yes)
        dead_letters.forget(letter)
        say(f"{letter.name} {letter.id} is deleted.")
        return
    raise CommandFailed(f"there is no dead letter '{event_id}'")


def _letters(dead_letters: DeadLetters, consumer: str | None, *, hidden_seconds: int | None = None) -> Iterator[Letter]:
    """The letters of one consumer, or all.  Raises `CommandFailed` for a name that none has."""
    if consumer not in (None, *dead_letters.of):
        raise CommandFailed(f"there is no consumer '{consumer}', but: {', '.join(dead_letters.of)}")
    return dead_letters.letters(consumer, hidden_seconds=hidden_seconds)


def _is_wanted(letter: Letter, event: str | None, event_id: str | None) -> bool:
    return event in (None, letter.name) and event_id in (None, letter.id)
