"""The command `backbone`, put together from the services' commands like `app.py` from their routes.

    backbone --local client list
    backbone --stack production identity show did:e:…

A command parses, asks back and prints; what it does is done by its service's domain and stores.  Exit codes: 0 done,
1 not (all) done, 2 misunderstood.
"""

import os
import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from typer.core import TyperGroup
from typer.exceptions import TyperException

from backbone.errors import BackboneError
from cli import events, export, housekeeping, status, target
from cli.output import CommandFailed
from functions.admin.operator import app as admin_keys
from functions.announcements.operator import app as announcements
from functions.devices.operator_clients import app as clients
from functions.devices.operator_deletion import app as deletion
from functions.devices.operator_identities import app as identities
from functions.devices.operator_tiers import app as tiers
from functions.overview.operator import app as overview
from functions.push.operator import app as push
from functions.quotas.operator import app as quotas
from functions.tokens.operator import app as tokens
from infra.local.running import DEFAULT_PORT

DONE, FAILED, MISUNDERSTOOD = 0, 1, 2

app = typer.Typer(
    help="Operates an Enmeshed Backbone: one on AWS (--stack) or the one on this machine (--local).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("status")(status.show_status)
app.add_typer(clients, name="client")
app.add_typer(tiers, name="tier")
app.add_typer(quotas, name="quota")
app.add_typer(identities, name="identity")
app.add_typer(deletion, name="deletion")
app.add_typer(announcements, name="announcement")
app.add_typer(tokens, name="token")
app.add_typer(admin_keys, name="admin-key")
app.add_typer(events.app, name="events")
app.add_typer(housekeeping.app, name="housekeeping")
app.add_typer(overview, name="overview")
app.add_typer(push, name="push")
app.add_typer(export.app, name="database")


@app.callback()
def choose_target(
    context: typer.Context,
    stack: Annotated[str | None, typer.Option(help="The name of a stack on AWS.")] = None,
    local: Annotated[bool, typer.Option("--local", help="The Backbone that runs on this machine.")] = False,
    port: Annotated[int, typer.Option(help="Its port.")] = DEFAULT_PORT,
    region: Annotated[str | None, typer.Option(help="The region, if not that of the profile.")] = None,
    profile: Annotated[str | None, typer.Option(help="The profile of AWS credentials.")] = None,
) -> None:
    """Find the Backbone that is meant."""
    if "--help" in context.obj:
        return  # help is about no Backbone
    for variable, value in (("AWS_DEFAULT_REGION", region), ("AWS_PROFILE", profile)):
        if value:
            os.environ[variable] = value
    target.use(target.choose(stack=stack, local=local, port=port))


@lru_cache(maxsize=1)
def _command() -> TyperGroup:
    command = typer.main.get_command(app)
    assert isinstance(command, TyperGroup)
    return command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; whatever is wrong is said in one line."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        result = _command().main(args=words, obj=words, prog_name="backbone", standalone_mode=False)
    except typer.Abort:
        return _say("stopped", FAILED)
    except TyperException as misuse:
        message = misuse.format_message()
        if message.startswith("Usage:"):  # no arguments at all: the help text
            sys.stderr.write(f"{message}\n")
            return MISUNDERSTOOD
        return _say(message, MISUNDERSTOOD)
    except target.NoTarget as problem:
        return _say(str(problem), MISUNDERSTOOD)
    except BackboneError as refusal:
        return _say(refusal.message, FAILED)
    except (CommandFailed, BotoCoreError, ClientError) as problem:
        return _say(str(problem), FAILED)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read along has seen enough
        return DONE
    return result if isinstance(result, int) else DONE


def _say(problem: str, code: int) -> int:
    sys.stderr.write(f"error: {' '.join(problem.split())}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
