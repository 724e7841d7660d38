"""Rules of identities and devices.  Contract: devices.md, sections 7 and 10."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from backbone.addresses import Address
from backbone.caller import Caller
from backbone.errors import BackboneError, InvalidPropertyValue, RecordNotFound
from backbone.ids import DeviceId, TierId, Username
from functions.devices import domain, languages
from functions.devices.domain import DeviceToDelete, IdentityStatus, Ids
from functions.devices.errors import (
    ClientReachedIdentitiesLimit,
    DeviceCannotBeDeleted,
    InvalidCommunicationLanguage,
    OnlyOneBackupDeviceCanExist,
    Unauthorized,
)
from functions.devices.oauth_clients import Client

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADDRESS = Address("did:e:localhost:dids:76a33ea3665eef489c70bb")
CLIENT = Client("test", "hash", "Test", TierId("TIRbasic"), None, 0, NOW)
IDENTITY = domain.new_identity(address=ADDRESS, public_key=b"{}", identity_version=1, client=CLIENT, now=NOW)
IDS = Ids(lambda: DeviceId("DVCnew"), lambda: Username("USRnew"), lambda: "id")


def _new_device(caller: Caller | None = None, identity: domain.Identity = IDENTITY) -> domain.DeviceAndUser:
    return domain.new_device(
        identity, caller=caller, password_hash="hash", communication_language="en", now=NOW, ids=IDS
    )


def test_a_new_identity_is_active_and_in_its_client_s_default_tier() -> None:
    """devices.md §7.1: status Active, tier = client's default tier"""
    assert (IDENTITY.status, IDENTITY.tier_id) == (IdentityStatus.ACTIVE, "TIRbasic")
    assert IDENTITY.deletion_grace_period_ends_at is None


def test_the_first_device_is_created_by_itself_and_others_by_the_caller_s() -> None:
    """devices.md §7.1 and §10.3"""
    assert _new_device().device.created_by_device == "DVCnew"
    assert _new_device(Caller(ADDRESS, DeviceId("DVCold"), "test")).device.created_by_device == "DVCold"


def test_a_new_device_shares_the_identity_s_grace_period() -> None:
    leaving = replace(IDENTITY, deletion_grace_period_ends_at=NOW)

    assert _new_device(identity=leaving).user.deletion_grace_period_ends_at == NOW


def test_ids_have_the_contract_s_form() -> None:
    """devices.md §1: `USR` + 17 random alphanumerics; http-common.md §11: The user id is a lower-case GUID."""
    ids = Ids()

    assert (len(ids.username()), ids.username()[:3]) == (20, "USR")
    assert re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", ids.user())


def test_one_backup_device_is_enough() -> None:
    """devices.md §10.3, row 3"""
    IDENTITY.check_backup_device()
    with pytest.raises(OnlyOneBackupDeviceCanExist):
        replace(IDENTITY, backup_device_id=DeviceId("DVCold")).check_backup_device()


@pytest.mark.parametrize(("maximum", "present", "full"), [(None, 9, False), (2, 1, False), (2, 2, True), (0, 0, True)])
def test_a_client_is_full_at_its_limit(maximum: int | None, present: int, full: bool) -> None:
    """devices.md §3: number of existing identities of that client is >= maxIdentities. 0 forbids all."""
    client = replace(CLIENT, max_identities=maximum, identities=present)

    if full:
        with pytest.raises(ClientReachedIdentitiesLimit):
            client.check_limit()
    else:
        client.check_limit()


def test_only_own_devices_can_be_deleted() -> None:
    """devices.md §10.6"""
    device = _new_device().device
    stranger = Address("did:e:localhost:dids:0000000000000000000000")

    assert DeviceToDelete(ADDRESS, ADDRESS, device, is_backup_device=False).check() == device
    with pytest.raises(RecordNotFound):
        DeviceToDelete(ADDRESS, None, None, is_backup_device=False).check()
    with pytest.raises(DeviceCannotBeDeleted):
        DeviceToDelete(ADDRESS, stranger, None, is_backup_device=False).check()


def test_a_device_that_vanishes_while_it_is_read_is_not_found() -> None:
    """devices.md §10.6: unknown -> 404"""
    device = _new_device().device

    for half in (
        DeviceToDelete(ADDRESS, ADDRESS, None, is_backup_device=False),
        DeviceToDelete(ADDRESS, None, device, is_backup_device=False),
    ):
        with pytest.raises(RecordNotFound):
            half.check()


def test_there_are_183_languages() -> None:
    """http-common.md §11: 183 codes"""
    assert len(languages.CODES) == 183
    assert languages.parse(None) == "en"
    assert languages.parse("de") == "de"
    for code in ("xz", "sh", "", "DE"):
        with pytest.raises(InvalidCommunicationLanguage):
            languages.parse(code)


@pytest.mark.parametrize(
    ("value", "has_content"), [("x", True), ("", False), ("\t", False), (b"x", True), (b"", False)]
)
def test_white_space_is_no_content(value: str | bytes, has_content: bool) -> None:
    """http-common.md §4.1: not null, not empty, and for strings not only white space"""
    if has_content:
        domain.require_content(value=value)
    else:
        with pytest.raises(InvalidPropertyValue):
            domain.require_content(value=value)


def test_unauthorized_clients_are_a_bad_request() -> None:
    """devices.md §15.1: HTTP 400 (not 401) for wrong client credentials at `POST /Identities`"""
    error: BackboneError = Unauthorized()

    assert (error.status, error.code) == (400, "error.platform.unauthorized")
