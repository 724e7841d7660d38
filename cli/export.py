"""`backbone database export`: everything there is, without contents, as CSV files.  Contract: admin-api.md, §13.1."""

import io
import os
import tempfile
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from backbone import clock
from backbone.settings import settings
from cli import full_read
from cli.output import AsJson, CommandFailed, progress, show
from cli.staging import PAYLOADS, Staging
from functions.devices.operator_export import SOURCE as DEVICES
from functions.files.operator_export import SOURCE as FILES
from functions.messages.operator_export import SOURCE as MESSAGES
from functions.push.operator_export import SOURCE as PUSH
from functions.relationships.operator_export import SOURCE as RELATIONSHIPS
from functions.synchronization.operator_export import SOURCE as SYNCHRONIZATION
from functions.tokens.operator_export import SOURCE as TOKENS

app = typer.Typer(help="Works on whole tables.", no_args_is_help=True)

SOURCES = (DEVICES, PUSH, RELATIONSHIPS, FILES, MESSAGES, SYNCHRONIZATION, TOKENS)
_PAYLOADS_AT_ONCE = 10_000


@app.callback()
def _() -> None:
    """Works on whole tables."""


@app.command()
def export(
    sensitive: Annotated[bool, typer.Option("--sensitive", help="With ids and addresses.")] = False,
    output: Annotated[Path | None, typer.Option(help="The zip file; one in the temporary folder unless given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write a zip of CSV files about everything that is stored; contents are not in it.

    Reads every table once (0.5 RCU per 4 KB) and lists the bucket.
    """
    target = output or _default_path(clock.now())
    with tempfile.TemporaryDirectory(prefix="backbone-export-") as folder:
        staging = Staging(Path(folder), (*SOURCES, PAYLOADS), with_private=sensitive)
        try:
            _fill(staging)
            files = _write(staging, target)
        finally:
            staging.close()
    records = [{"file": name, "lines": lines} for name, lines in files.items()]
    show({"path": str(target), "files": records}, as_json=as_json)


def _fill(staging: Staging) -> None:
    for source in SOURCES:
        table = str(getattr(settings(), source.table))
        with progress(f"reading {table}", total=full_read.size_of(table)) as advance:
            for page in full_read.pages(table):
                staging.add(record for item in page for record in source.records(item))
                advance(len(page))
    with progress("listing payloads") as advance:
        batch: list[tuple[str, int]] = []
        for entry in full_read.stored_payloads():
            batch.append(entry)
            if len(batch) == _PAYLOADS_AT_ONCE:
                staging.add(("payloads", row) for row in batch)
                advance(len(batch))
                batch = []
        staging.add(("payloads", row) for row in batch)
    staging.complete()


def _write(staging: Staging, target: Path) -> dict[str, int]:
    lines: dict[str, int] = {}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Nobody else on this machine may read it.
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as problem:
        raise CommandFailed(f"cannot write {target}: {problem.strerror}") from None
    with os.fdopen(descriptor, "wb") as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for source in SOURCES:
            for name, query in source.files.items():
                with archive.open(name, "w") as entry, io.TextIOWrapper(entry, encoding="utf-8", newline="") as text:
                    lines[name] = staging.write(query, text)
    return lines


def _default_path(now: datetime) -> Path:
    return Path(tempfile.gettempdir()) / "enmeshed" / "backbone" / f"export-{now:%Y%m%d_%H%M%S}.zip"
