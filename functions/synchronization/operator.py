"""What an operator can do by hand for the datawallet of one identity: `backbone housekeeping compact`."""

from typing import Annotated

import typer

from backbone.addresses import Address
from cli.output import CommandFailed
from functions.synchronization.compaction_consumers import compact as compact_datawallet
from functions.synchronization.errors import IdentityIsDeleted


def compact(
    address: Annotated[Address, typer.Argument(parser=Address.parse, metavar="ADDRESS", help="Whose.")],
) -> None:
    """Remove what is superseded in an identity's datawallet for a month now, instead of within the week."""
    try:
        typer.echo(f"Modifications removed: {compact_datawallet(address)}.")
    except IdentityIsDeleted:
        raise CommandFailed("the identity is deleted") from None
