"""`backbone restore …`: everything, or some tables, as they were at a point in time.  Runbook: docs/operating.md.

One command that is repeated until it says that it is done: it looks how far things are, does what can be done, and
tells what an operator has to do in between (close the API, let the stack have new tables).  Nothing that is there is
changed or deleted: DynamoDB makes temporary tables from its backups, their items are copied into new, empty tables that
the stack has made, and payloads become current again.  Decision: docs/decisions/restoring.md.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from backbone import clock
from backbone.settings import settings
from cli import target
from cli.output import AsJson, CommandFailed, confirm, progress, say, show
from cli.restoring import on_their_way, tables, void_events
from cli.restoring import plan as plans
from cli.restoring.copying import Copy, content_of, sum_of
from cli.restoring.objects import Versions
from cli.restoring.plan import Plan, TablePlan
from functions.overview.rebuild import rebuild

app = typer.Typer(help="Brings back tables and payloads as they were at a point in time.", no_args_is_help=True)

DERIVED = "overview"
"""The service whose table is made from those of others, so it is never restored but made anew."""
SETTLING = timedelta(minutes=5)
"""After this nothing is on its way: Lambda has repeated what failed twice, after one and two minutes."""
_WITH_PAYLOADS = ("relationships", "messages", "synchronization", "tokens", "files")
_SHOWN = 20

At = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%dT%H:%M:%SZ"], help="The point in time, UTC.")]
Service = Annotated[list[str] | None, typer.Option("--table", help="Only this service's table; may be repeated.")]
SourceSuffix = Annotated[
    str | None, typer.Option(help="Of retained tables to restore from, instead of those in use; may be empty.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command()
def run(
    at: At = None,
    table: Service = None,
    source_suffix: SourceSuffix = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Begin a restore, or go on with the one that is under way; to be repeated until it says that it is done."""
    point = at.replace(tzinfo=UTC) if at else None
    plan = plans.load()
    if plan is None:
        plan = _begin(point, table or [], source_suffix, yes=yes)
    elif point not in (None, plan.at):
        raise CommandFailed(f"a restore to {clock.render(plan.at)} is under way; end it by: backbone restore abandon")
    unfinished = [each for each in plan.tables if not each.is_done]
    for each in unfinished:
        tables.start(each, plan.at)
    tables.wait(unfinished)
    _check_that_nobody_writes(plan)
    _check_new_tables(plan)
    void = void_events.discard(target.stack_name(), plan.at) if plan.whole else 0
    _copy(plan)
    _compare(plan)
    sent = on_their_way.send(plan.at, clock.now())
    _make_overview_anew()
    _clean_up(plan)
    _tell(plan, sent, void, as_json=as_json)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show how far a restore is."""
    plan = plans.load()
    if plan is None:
        say("No restore is under way.")
        return
    rows = [
        {"table": each.service, "copied": each.total("copied"), "isDone": each.is_done, "from": each.source}
        for each in plan.tables
    ]
    show({"at": plan.at, "startedAt": plan.started_at, "tables": rows}, as_json=as_json)


@app.command()
def abandon(yes: Yes = False) -> None:
    """End a restore that is under way: remove temporary tables.  What has been copied stays where it is."""
    plan = plans.load()
    if plan is None:
        raise CommandFailed("no restore is under way")
    confirm(f"Give up the restore to {clock.render(plan.at)}?", yes=yes)
    _clean_up(plan)
    say("Temporary tables are removed. Tables that the stack has made stay as they are.")


# Beginning ------------------------------------------------------------------------------------------------------------


def _begin(at: datetime | None, services: Sequence[str], source_suffix: str | None, *, yes: bool) -> Plan:
    if at is None:
        raise CommandFailed("no restore is under way; to begin one, name the point in time: --at 2026-01-31T12:00:00Z")
    plan = _plan(at, services, source_suffix)
    for table in plan.tables:
        tables.check_window(table.source, at)
    estimates = [tables.estimate(table) for table in plan.tables]
    for one in estimates:
        say(f"{one.table}: about {one.items} items, {one.megabytes} MB, {one.usd} USD")
    say(f"In all about {sum(one.usd for one in estimates):.2f} USD (list prices of us-east-1), and requests to S3.")
    lost = "" if plan.whole else " in these tables"
    confirm(f"Restore to {clock.render(at)}? What was written{lost} since then will be gone.", yes=yes)
    plans.save(plan)
    return plan


def _plan(at: datetime, services: Sequence[str], source_suffix: str | None) -> Plan:
    known = target.tables_of_services()
    if DERIVED in services:
        raise CommandFailed(f"{DERIVED} is made from other tables: backbone overview rebuild")
    if unknown := [service for service in services if service not in known]:
        raise CommandFailed(f"there is no table '{unknown[0]}', but: {', '.join(sorted(known))}")
    wanted = sorted(set(services) or set(known) - {DERIVED})
    parts = [_table(one, known[one], source_suffix) for one in wanted]
    return Plan(at=at, started_at=clock.now(), whole=not services, tables=parts)


def _table(service: str, in_use: str, source_suffix: str | None) -> TablePlan:
    source = in_use if source_suffix is None else f"{target.stack_name()}-{service}{source_suffix}"
    return TablePlan(service=service, source=source, replaced=in_use, restoring=f"{source}-restoring")


# What an operator has to do in between --------------------------------------------------------------------------------


def _check_that_nobody_writes(plan: Plan) -> None:
    """Nobody has been writing for so long that all events have reached their consumers."""
    if not settings().maintenance_seconds:
        raise CommandFailed(
            f"close the Backbone: make deploy STACK={target.stack_name()}"
            ' OPTIONS="--parameter MaintenanceSeconds=120"; then run the same command again'
        )
    if any(table.is_switched for table in plan.tables):
        return  # it has been checked before the stack got new tables
    closed_since = target.settled_since()
    if closed_since and clock.now() - closed_since < SETTLING:
        raise CommandFailed(
            "events may still be on their way to consumers, which repeat what has failed for some minutes;"
            f" run the same command again after {clock.render(closed_since + SETTLING)}"
        )


def _check_new_tables(plan: Plan) -> None:
    old = [table for table in plan.tables if not table.is_switched]
    if old:
        suffix = f"-{plan.started_at:%Y%m%d%H%M}"
        names = [table.service.capitalize() for table in old]
        options = " ".join(f"--parameter {name}TableSuffix={suffix} --allow {name}/Table" for name in names)
        raise CommandFailed(
            f'let the stack have new tables: make deploy STACK={target.stack_name()} OPTIONS="{options}";'
            " the old ones are kept; then run the same command again"
        )
    for table in plan.tables:
        if not table.has_begun and not tables.is_empty(table.target):
            raise CommandFailed(f"{table.target} is not empty; nothing but a restore may have written into it")


# Copying --------------------------------------------------------------------------------------------------------------


def _copy(plan: Plan) -> None:
    prefixes = [f"{table.service}/" for table in plan.tables if table.service in _WITH_PAYLOADS]
    if all(table.is_done for table in plan.tables):
        return
    with Versions(prefixes, plan.at) as versions:
        for table in plan.tables:
            Copy(plan, table, versions).run(tables.estimate(table).items)


def _compare(plan: Plan) -> None:
    """What was copied against what is there now, once: afterwards consumers may write.  Raises `CommandFailed`."""
    if plan.compared:
        return
    with progress("comparing", total=len(plan.tables)) as advance:
        for table in plan.tables:
            found = content_of(table, plan.compared_after)
            if found != sum_of(table):
                raise CommandFailed(f"{table.target} does not hold what was copied ({found.items} items compared)")
            advance(1)
    plan.compared = True
    plans.save(plan)


def _make_overview_anew() -> None:
    if settings().overview_table:
        with progress("making the overview of identities anew") as advance:
            for step in rebuild():
                advance(step.refreshed)


def _clean_up(plan: Plan) -> None:
    for table in plan.tables:
        tables.remove(table.restoring)
    plans.forget()


def _tell(plan: Plan, sent: int, void: int, *, as_json: bool) -> None:
    report = {
        "at": plan.at,
        "tables": [{"table": each.target, "items": each.total("copied")} for each in plan.tables],
        "payloadsBroughtBack": plan.brought_back,
        "payloadsMissing": plan.missing[:_SHOWN],
        "eventsSentOn": sent,
        "eventsDiscarded": void,
    }
    show(report, as_json=as_json)
    stack = target.stack_name()
    say(f'Done. Open the Backbone: make deploy STACK={stack} OPTIONS="--parameter MaintenanceSeconds=0"')
    say(f"Kept, and yours to delete: {', '.join(table.replaced for table in plan.tables)}")
    if plan.missing:
        more = " or more" if len(plan.missing) == plans.MOST_MISSING else ""
        raise CommandFailed(f"{len(plan.missing)}{more} payloads have no version in the bucket any more")
