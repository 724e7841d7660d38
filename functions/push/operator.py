"""The operator's commands for push notifications: `backbone push …`."""

from typing import Annotated

import typer

from backbone import clock
from cli import target
from cli.output import AsJson, CommandFailed, show
from functions.push.application_store import ApplicationStore, Existing
from functions.push.applications import CredentialsInvalid, names_at, sns_names
from functions.push.operator_credentials import faults_of, mistakes_in

app = typer.Typer(help="Looks after push notifications.", no_args_is_help=True)
_NOT_SET_UP = "not in SNS yet: deploy with another PushCredentialsVersion"
_WITHOUT_CREDENTIALS = "has no credentials any more: the next PushCredentialsVersion removes it"


@app.callback()
def _() -> None:
    """Looks after push notifications."""


@app.command()
def check(
    before: Annotated[bool, typer.Option("--before-deployment", help="What is not in SNS yet is no mistake.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check the credentials in SSM and the applications in SNS; fails if an app cannot be pushed to."""
    stack = target.stack_name()
    store = ApplicationStore(f"/{stack}/push-credentials", stack)
    existing, credentials = store.existing(), store.credentials()
    found = {place: mistakes_in(place, value, stack) for place, value in sorted(credentials.items())}
    records = []
    for place, mistakes in found.items():
        missing, faults = _in_sns(store, place, existing, stack)
        problems = [*mistakes, *faults, *([] if before or not missing else [_NOT_SET_UP])]
        records.append(
            {"app": place, "state": "bad" if problems else "new" if missing else "good", "problems": problems}
        )
    records += [{"app": name, "state": "left over", "problems": [_WITHOUT_CREDENTIALS]} for _, name in sorted(existing)]
    show(records, as_json=as_json, empty="There are no credentials: nobody can be pushed to.")
    if bad := [record for record in records if record["state"] == "bad"]:
        raise CommandFailed(f"{len(bad)} of {len(found)} apps cannot be pushed to as they should")


def _in_sns(store: ApplicationStore, place: str, existing: Existing, stack: str) -> tuple[bool, list[str]]:
    """Whether applications of an app are missing, and what is wrong with the others; takes them from `existing`."""
    try:
        names = sns_names(*names_at(place), stack)
    except CredentialsInvalid:
        return False, []
    arns = [existing.pop(name, None) for name in names]
    faults = [fault for arn in arns if arn for fault in faults_of(store.attributes(arn), now=clock.now())]
    return None in arns, faults
