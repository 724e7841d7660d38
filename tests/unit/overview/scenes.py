"""Identities as the overview has them, for tests."""

from datetime import timedelta
from typing import Any

from backbone.addresses import Address
from backbone.ids import TierId
from functions.overview.domain import IdentityOverview
from functions.overview.projection_store import ProjectionStore
from tests.support.builders import LONG_AGO
from tests.support.engine import DOMAIN

BASIC, PREMIUM, RARE = (TierId(f"TIR{name:A<17}") for name in ("Basic", "Premium", "Rare"))


def address(number: int) -> Address:
    """The n-th address; their order is another one."""
    return Address.of_public_key(f"overview {number}".encode(), DOMAIN)


def overview(number: int, **changed: Any) -> IdentityOverview:
    """The n-th identity: created in the n-th second, with one device, never logged in."""
    values: dict[str, Any] = {
        "address": address(number),
        "client_id": "test",
        "tier_id": BASIC,
        "created_at": LONG_AGO + timedelta(seconds=number),
        "identity_version": 1,
        "number_of_devices": 1,
    }
    return IdentityOverview(**{**values, **changed})


def given_overview(number: int, **changed: Any) -> IdentityOverview:
    """The same, in the table."""
    row = overview(number, **changed)
    assert ProjectionStore().add(row)
    return row
