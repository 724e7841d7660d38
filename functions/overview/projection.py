"""Keeps the overview in step with the identities.  Decision: docs/decisions/overview.md.

What changes seldom (an identity, its tier, its devices) is never told in detail: who hears that something has changed
looks how it is now.  So it does not matter how often, in which order and by how many at the same time it is told.
Times of log-ins and versions of datawallets only rise: the higher one is right, whichever comes first.  Of the log-ins
of an identity, one an hour is noted.
"""

from datetime import datetime

from backbone.addresses import Address
from backbone.readmodels import identity_details
from backbone.readmodels.identity_details import IdentityDetails, hour_of
from functions.overview.domain import IdentityOverview
from functions.overview.projection_store import ProjectionStore

_ATTEMPTS = 20
"""Every lost race means that somebody else has brought the same identity up to date."""
store = ProjectionStore()


def refresh(address: Address) -> None:
    """Bring an identity up to date.

    The last look always comes after the last write.  So what was written from an older look, because it was on its way
    when the identity was deleted, is found and removed.
    """
    for _ in range(_ATTEMPTS):
        known = store.find(address)
        details = identity_details.find(address)
        if details is None:
            if known is None or store.remove(known):
                return
        elif known is None:
            store.add(_overview_of(details))
        elif known.row_matches(_overview_of(details)) or store.replace(known, _overview_of(details)):
            _raise_times(known.row, details)
            return
    raise RuntimeError("the identity changes faster than the overview can follow")


def note_log_in(address: Address, at: datetime) -> None:
    """Somebody of this identity has logged in.  1 write (3 WCU, 1 when one of this hour is known)."""
    if not store.raise_last_log_in(address, at):
        refresh(address)  # which looks for log-ins, too
        store.raise_last_log_in(address, at)


def note_datawallet_version(address: Address, version: int) -> None:
    """The datawallet has this version.  1 write (9 WCU, 1 when a higher one is known)."""
    if not store.raise_datawallet_version(address, version):
        refresh(address)
        store.raise_datawallet_version(address, version)


def _raise_times(known: IdentityOverview, details: IdentityDetails) -> None:
    at, version = details.last_log_in_at, details.datawallet_version
    if at is not None and (known.last_login_at is None or hour_of(at) > known.last_login_at):
        store.raise_last_log_in(details.address, at)
    if version is not None and (known.datawallet_version is None or version > known.datawallet_version):
        store.raise_datawallet_version(details.address, version)


def _overview_of(details: IdentityDetails) -> IdentityOverview:
    return IdentityOverview(
        address=details.address,
        client_id=details.client_id,
        tier_id=details.tier_id,
        created_at=details.created_at,
        identity_version=details.identity_version,
        number_of_devices=details.number_of_devices,
        last_login_at=details.last_log_in_at,
        datawallet_version=details.datawallet_version,
    )
