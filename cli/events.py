"""`backbone events …`: what became of events that could not be handled.  Runbook: docs/operating.md, 'Dead letters'."""

from itertools import islice
from typing import Annotated

import typer

from backbone import clock
from cli import target
from cli.dead_letters import WORK_SECONDS, CannotReplay, Letter, Queues
from cli.output import AsJson, CommandFailed, confirm, progress, say, show

app = typer.Typer(help="Looks after events that could not be handled (dead letters).", no_args_is_help=True)

QueueName = Annotated[
    str | None, typer.Argument(help="Of which consumer, like 'messages' or 'stream'; all unless given.")
]
EventName = Annotated[str | None, typer.Option("--event", help="Only events of this name.")]
EventId = Annotated[str | None, typer.Option("--id", help="Only the event with this id.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command("list")
def list_letters(
    queue: QueueName = None,
    event: EventName = None,
    event_id: EventId = None,
    limit: Annotated[int, typer.Option(help="Show so many of each queue at most.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show dead letters; those that were just looked at may be missing for two seconds."""
    queues = Queues(target.stack_name())
    found = [
        {
            "queue": letter.queue,
            "event": letter.name,
            "id": letter.id,
            "sentAt": clock.render(letter.sent_at),
            "correlationId": letter.correlation_id,
        }
        for name in _chosen(queues, queue)
        for letter in islice((one for one in queues.letters(name) if _is_wanted(one, event, event_id)), limit)
    ]
    show(found, as_json=as_json, empty="There are no dead letters.")


@app.command()
def replay(queue: QueueName = None, event: EventName = None, event_id: EventId = None, as_json: AsJson = False) -> None:
    """Have events handled once more; consumers drop what they have already done."""
    queues = Queues(target.stack_name())
    replayed: list[dict[str, str]] = []
    problems: list[str] = []
    for name in _chosen(queues, queue):
        left: list[Letter] = []
        with progress(f"replaying {name}", total=queues.number_of_letters(name)) as advance:
            for letter in queues.letters(name, hidden_seconds=WORK_SECONDS):
                advance(1)
                if not _is_wanted(letter, event, event_id):
                    left.append(letter)
                    continue
                try:
                    queues.replay(letter)
                except CannotReplay as problem:
                    left.append(letter)
                    problems.append(f"{letter.name} {letter.id}: {problem}")
                else:
                    replayed.append({"queue": name, "event": letter.name, "id": letter.id})
        for letter in left:  # only now, or they would be met again
            queues.put_back(letter)
    show(replayed, as_json=as_json, empty="Nothing was replayed.")
    for line in problems:
        say(line)
    if problems:
        raise CommandFailed(f"{len(problems)} could not be replayed")


@app.command()
def discard(
    queue: Annotated[str, typer.Argument(help="Of which consumer.")],
    event_id: Annotated[str, typer.Option("--id", help="The event's id, from the list.")],
    yes: Yes = False,
) -> None:
    """Delete a dead letter for good."""
    queues = Queues(target.stack_name())
    for name in _chosen(queues, queue):
        for letter in queues.letters(name):
            if letter.id != event_id:
                continue
            confirm(f"Delete {letter.name} {letter.id}? Nobody will ever handle it.", yes=yes)
            queues.forget(letter)
            say(f"{letter.name} {letter.id} is deleted.")
            return
    raise CommandFailed(f"there is no dead letter '{event_id}' in '{queue}'")


def _chosen(queues: Queues, queue: str | None) -> list[str]:
    """One of the stack's queues, or all.  Raises `CommandFailed` for a name that is none of them."""
    known = queues.of_dead_letters
    if queue is None:
        return known
    if queue not in known:
        raise CommandFailed(f"there is no queue '{queue}', but: {', '.join(known)}")
    return [queue]


def _is_wanted(letter: Letter, event: str | None, event_id: str | None) -> bool:
    return event in (None, letter.name) and event_id in (None, letter.id)
