"""The operator's command for the overview of identities: `backbone overview rebuild`.

It is needed once, where identities were there before the overview, and after a loss of stream records.
"""

from typing import Annotated

import typer

from cli.output import CommandFailed, progress, say
from functions.overview.rebuild import rebuild

app = typer.Typer(help="Looks after the overview of identities.", no_args_is_help=True)


@app.callback()
def _() -> None:
    """Looks after the overview of identities."""


@app.command("rebuild")
def rebuild_overview(
    after: Annotated[str | None, typer.Option(metavar="POSITION", help="Go on where an earlier run broke off.")] = None,
) -> None:
    """Make the overview anew from the services' tables; may be broken off and gone on with."""
    total, position = 0, after
    try:
        with progress("looking at identities") as advance:
            for step in rebuild(after):
                total, position = total + step.refreshed, step.position
                advance(step.refreshed)
    except ValueError as problem:
        raise CommandFailed(str(problem)) from None
    except BaseException:
        say(
            f"Broken off after {total}; to go on: backbone overview rebuild{f' --after {position}' if position else ''}"
        )
        raise
    typer.echo(f"Identities looked at: {total}.")
