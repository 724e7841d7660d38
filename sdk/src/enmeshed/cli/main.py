"""The command ``enmeshed``: make an identity, get to know others, write to each other, from a terminal."""

from __future__ import annotations

import json
import mimetypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from enmeshed import (
    Account,
    Backbone,
    EnmeshedError,
    Event,
    File,
    Message,
    PreconditionError,
    RecordNotFoundError,
    Reference,
    Relationship,
    qr_blocks,
)
from enmeshed.cli.output import Output, Row
from enmeshed.cli.settings import Home, Settings

INVITATION = "ArbitraryRelationshipTemplateContent"
REQUEST = "ArbitraryRelationshipCreationContent"
MESSAGE = "ArbitraryMessageContent"
FAILURE = 1

app = typer.Typer(
    name="enmeshed", help="An Enmeshed identity in a terminal.", no_args_is_help=True, add_completion=False
)
files_app = typer.Typer(help="Files: encrypted, kept at the Backbone.", no_args_is_help=True)
devices_app = typer.Typer(help="The devices of the identity.", no_args_is_help=True)
app.add_typer(files_app, name="files")
app.add_typer(devices_app, name="devices")

Password = Annotated[str | None, typer.Option(envvar="ENMESHED_PASSWORD", help="What the reference is protected with.")]


class Context:
    """What all commands share."""

    def __init__(self, home: Home, output: Output) -> None:
        self.home = home
        self.output = output

    @contextmanager
    def account(self, *, create: bool = False, device_name: str | None = None) -> Iterator[Account]:
        """The account, open."""
        with (
            self.backbone() as backbone,
            Account.open(self.home.storage, backbone, create=create, device_name=device_name) as account,
        ):
            yield account

    @contextmanager
    def backbone(self) -> Iterator[Backbone]:
        """The account's Backbone."""
        settings = self.home.load()
        with Backbone(settings.backbone, settings.client_id, settings.client_secret) as backbone:
            yield backbone


@app.callback()
def common(
    context: typer.Context,
    account: Annotated[str, typer.Option(envvar="ENMESHED_ACCOUNT", help="Which of several accounts.")] = "default",
    home: Annotated[Path | None, typer.Option(envvar="ENMESHED_HOME", help="The folder of the account.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """An Enmeshed identity in a terminal."""
    context.obj = Context(Home.of(home, account), Output(as_json=as_json))


# ------------------------------------------------------------------ the account
@app.command()
def init(
    context: typer.Context,
    backbone: Annotated[str, typer.Argument(help="Base URL of the Backbone.")],
    client_id: Annotated[str, typer.Option(envvar="ENMESHED_CLIENT_ID")],
    client_secret: Annotated[str, typer.Option(envvar="ENMESHED_CLIENT_SECRET")],
    name: Annotated[str | None, typer.Option(help="What to call this device.")] = None,
    onboard: Annotated[str | None, typer.Option(help="Reference of a device or a recovery kit, to join.")] = None,
    password: Password = None,
) -> None:
    """Make an identity, or become a device of one."""
    shared: Context = context.obj
    if shared.home.has_account():
        raise PreconditionError("error.client.accountExists", f"there is an account in {shared.home.folder} already")
    shared.home.save(Settings(backbone, client_id, client_secret))
    if onboard is None:
        with shared.account(create=True, device_name=name) as account:
            shared.output.one(_status(account))
        return
    with (
        shared.backbone() as connected,
        Account.onboard(shared.home.storage, connected, onboard, password=password, device_name=name) as account,
    ):
        shared.output.one(_status(account))


@app.command()
def status(context: typer.Context) -> None:
    """Who this is and what there is."""
    shared: Context = context.obj
    with shared.account() as account:
        shared.output.one(_status(account))


def _status(account: Account) -> Row:
    relationships = account.relationships.all()
    deletion = account.deletion.active
    return {
        "address": account.address,
        "backbone": account.connection.base_url,
        "device": account.devices.current.name or account.device_id,
        "devices": len(account.devices.all()),
        "contacts": sum(one.status == "Active" for one in relationships),
        "requests": sum(one.is_requested_by_peer for one in relationships),
        "messages": len(account.messages.all()),
        "unread": sum(not one.is_own and one.read_at is None for one in account.messages.all()),
        "deletion": deletion.grace_period_ends_at if deletion else None,
    }


# ------------------------------------------------------------------ contacts
@app.command()
def invite(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="What the other one reads.")] = "",
    days: Annotated[float, typer.Option(help="How long the invitation can be used.")] = 1,
    password: Password = None,
    once: Annotated[bool, typer.Option("--once", help="For one identity only.")] = False,
) -> None:
    """Print an invitation as URL and QR code; the other one accepts it."""
    shared: Context = context.obj
    with shared.account() as account:
        template = account.templates.create(
            {"@type": INVITATION, "value": {"text": text}},
            expires_in=timedelta(days=days),
            max_number_of_allocations=1 if once else None,
            password=password,
        )
    _print_reference(shared.output, template.reference, {"template": template.id, "expires": template.expires_at})


@app.command()
def accept(
    context: typer.Context,
    what: Annotated[str, typer.Argument(help="An invitation's reference, or a contact whose request waits.")],
    text: Annotated[str, typer.Option(help="What the other one reads with a request.")] = "",
    password: Password = None,
) -> None:
    """Accept an invitation (that sends a request), or the request of a contact."""
    shared: Context = context.obj
    with shared.account() as account:
        if _looks_like_reference(what):
            template = account.templates.load(what, password=password)
            relationship = account.relationships.request(template, {"@type": REQUEST, "value": {"text": text}})
        else:
            relationship = account.relationships.accept(_contact(account, what, pending=True))
        account.datawallet.sync()
    shared.output.one(_relationship_row(relationship))


@app.command()
def contacts(context: typer.Context) -> None:
    """All relationships."""
    shared: Context = context.obj
    with shared.account() as account:
        shared.output.rows("contacts", [_relationship_row(one) for one in account.relationships.all()])


def _relationship_row(relationship: Relationship) -> Row:
    return {
        "id": relationship.id,
        "address": relationship.peer.address,
        "status": relationship.status,
        "waits for you": relationship.is_requested_by_peer,
        "said": _readable(relationship.creation_content),
    }


# ------------------------------------------------------------------ messages
@app.command()
def send(
    context: typer.Context,
    to: Annotated[str, typer.Argument(help="A contact: id, address or the end of one.")],
    text: Annotated[str, typer.Argument(help="What to write.")],
    attach: Annotated[list[Path] | None, typer.Option(help="A file to send along; may be repeated.")] = None,
) -> None:
    """Send a message."""
    shared: Context = context.obj
    with shared.account() as account:
        attachments = [_upload(account, path) for path in attach or []]
        content = {"@type": MESSAGE, "value": {"text": text}}
        message = account.messages.send(_contact(account, to), content, attachments=attachments)
        account.datawallet.sync()
    shared.output.one(_message_row(message))


@app.command()
def inbox(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Read and sent messages, too.")] = False,
    keep_unread: Annotated[bool, typer.Option("--keep-unread", help="Do not mark them as read.")] = False,
) -> None:
    """Unread messages, which are read then."""
    shared: Context = context.obj
    with shared.account() as account:
        found = [one for one in account.messages.all() if everything or (not one.is_own and one.read_at is None)]
        shared.output.rows("messages", [_message_row(one) for one in found])
        for message in [] if keep_unread else found:
            if not message.is_own:
                account.messages.mark_as_read(message)


def _message_row(message: Message) -> Row:
    return {
        "id": message.id,
        "at": message.created_at,
        "from": "you" if message.is_own else message.created_by,
        "text": _readable(message.content),
        "files": list(message.attachments),
    }


# ------------------------------------------------------------------ files
@files_app.command("list")
def list_files(context: typer.Context) -> None:
    """Files this identity knows."""
    shared: Context = context.obj
    with shared.account() as account:
        shared.output.rows("files", [_file_row(one) for one in account.files.all()])


@files_app.command("upload")
def upload_file(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    title: Annotated[str | None, typer.Option()] = None,
) -> None:
    """Encrypt a file and keep it at the Backbone; prints a reference with which others can load it."""
    shared: Context = context.obj
    with shared.account() as account:
        file = _upload(account, path, title)
        account.datawallet.sync()
    _print_reference(shared.output, file.reference, _file_row(file))


@files_app.command("download")
def download_file(
    context: typer.Context,
    what: Annotated[str, typer.Argument(help="A file's id or reference.")],
    to: Annotated[Path, typer.Option(help="Folder or file to write.")] = Path(),
    password: Password = None,
) -> None:
    """Fetch, check and decrypt a file."""
    shared: Context = context.obj
    with shared.account() as account:
        reference = _looks_like_reference(what)
        file = account.files.load(what, password=password) if reference else account.files.get(what)
        target = to / Path(file.filename).name if to.is_dir() else to
        account.files.download(file, target)
    shared.output.one({**_file_row(file), "written to": str(target)})


def _upload(account: Account, path: Path, title: str | None = None) -> File:
    mimetype = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return account.files.upload(path, mimetype=mimetype, title=title or path.name)


def _file_row(file: File) -> Row:
    return {"id": file.id, "name": file.filename, "type": file.mimetype, "bytes": file.size, "yours": file.is_own}


# ------------------------------------------------------------------ devices
@devices_app.command("list")
def list_devices(context: typer.Context) -> None:
    """Devices of the identity."""
    shared: Context = context.obj
    with shared.account() as account:
        rows = [
            {
                "id": one.id,
                "name": one.name,
                "admin": one.is_admin,
                "onboarded": one.is_onboarded,
                "this": one.is_current,
            }
            for one in account.devices.all()
        ]
        shared.output.rows("devices", rows)


@devices_app.command("add")
def add_device(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What to call it.")],
    reference: Annotated[str | None, typer.Option(help="The empty token that the new device shows.")] = None,
    password: Password = None,
) -> None:
    """Add a device; prints the reference for `enmeshed init --onboard`. Whoever has it is you."""
    shared: Context = context.obj
    with shared.account() as account:
        device = account.devices.create(name=name)
        if reference is not None:
            account.devices.share(device, reference)
            shared.output.one({"device": device.id, "handed over": True})
            return
        token = account.devices.create_token(device, expires_in=timedelta(minutes=10), password=password)
    _print_reference(shared.output, token.reference, {"device": device.id, "expires": token.expires_at})


@devices_app.command("rename")
def rename_device(context: typer.Context, device: str, name: str) -> None:
    """Give a device another name."""
    shared: Context = context.obj
    with shared.account() as account:
        renamed = account.devices.rename(device, name)
        account.datawallet.sync()
    shared.output.one({"id": renamed.id, "name": renamed.name})


@devices_app.command("recovery-kit")
def recovery_kit(
    context: typer.Context,
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, envvar="ENMESHED_PASSWORD")],
) -> None:
    """Print a reference with which, and the password, the identity can be recovered when all devices are lost."""
    shared: Context = context.obj
    with shared.account() as account:
        token = account.devices.create_recovery_kit(password)
    _print_reference(shared.output, token.reference, {"token": token.id})


# ------------------------------------------------------------------ news
@app.command()
def sync(context: typer.Context) -> None:
    """Fetch what happened."""
    shared: Context = context.obj
    with shared.account() as account:
        shared.output.rows("news", [_event_row(one) for one in account.sync()])


@app.command()
def listen(
    context: typer.Context,
    events: Annotated[int, typer.Option(help="Stop after as many events; 0: never.")] = 0,
) -> None:
    """Print what happens, as it happens."""
    shared: Context = context.obj
    with shared.account() as account:
        shared.output.note(f"listening as {account.address}; Ctrl-C ends it")
        for number, event in enumerate(account.listen(), 1):
            shared.output.line(_event_row(event))
            if number == events:
                return


def _event_row(event: Event) -> Row:
    message, relationship = event.message, event.relationship
    said = message.content if message else relationship.creation_content if relationship else None
    return {
        "event": event.type,
        "with": message.created_by if message else relationship.peer.address if relationship else None,
        "status": relationship.status if relationship else None,
        "text": _readable(said) if said is not None else None,
        "id": event.subject.id if event.subject else None,
        "error": event.error_code,
    }


# ------------------------------------------------------------------ helpers
def _looks_like_reference(text: str) -> bool:
    return text.startswith("http") or len(text) > 60


def _contact(account: Account, text: str, *, pending: bool = False) -> Relationship:
    """The one contact meant by an id, an address or the end of an address."""
    for relationship in account.relationships.all():
        if relationship.id == text:
            return relationship
    wanted = {"Pending"} if pending else {"Active", "Terminated"}
    found = [one for one in account.relationships.all() if one.peer.address.endswith(text) and one.status in wanted]
    if len(found) != 1:
        raise RecordNotFoundError(f"{len(found)} contacts fit {text!r}; see: enmeshed contacts")
    return found[0]


def _readable(content: Any) -> str:
    """The text in a content of this command or of a mail, else the JSON."""
    value = content.get("value", content) if isinstance(content, dict) else content
    if isinstance(value, dict):
        for member in ("text", "body"):
            if isinstance(value.get(member), str):
                return str(value[member])
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _print_reference(output: Output, reference: Reference, row: Row) -> None:
    output.one({**row, "reference": reference.url})
    output.note(qr_blocks(reference))


def main() -> None:
    """Run the command; errors of the library end it with a message and status 1."""
    try:
        app()
    except EnmeshedError as error:
        Output(as_json="--json" in sys.argv).error(error.code, error.message)
        sys.exit(FAILURE)
    except KeyboardInterrupt:
        sys.exit(130)
