"""`backbone database export`.  Contract: admin-api.md, section 13.1."""

import csv
import io
import stat
import zipfile
from pathlib import Path

import pytest

from tests.support.api import InProcessApi, new_caller
from tests.support.builders import given_relationship
from tests.support.command import backbone
from tests.unit.devices.deletions import given_owner, started
from tests.unit.synchronization.steps import given_upgrade

pytestmark = pytest.mark.slow
COLUMNS = {
    "devices.csv": "DeviceId, LastLoginAt, IdentityAddress, CreatedAt, Tier, IdentityStatus,"
    " IdentityDeletionGracePeriodEndsAt, ClientId, ClientName, Platform",
    "deletionAuditLogItems.csv": "OldStatus, NewStatus, IdentityAddressHash, MessageKey, CreatedAt",
    "relationshipTemplates.csv": "TemplateId, CreatedBy, CreatedByClientId, CreatedByClientName, CreatedAt,"
    " AllocatedAt",
    "relationships.csv": "RelationshipId, TemplateId, From, FromClientId, FromClientName, To, ToClientId, ToClientName,"
    " CreatedAt, Status, FromHasDecomposed, ToHasDecomposed, TemplateCreatedAt",
    "files.csv": "FileId, CreatedBy, CreatedByClientId, CreatedByClientName, CreatedAt, LastOwnershipClaimAt, Owner,"
    " OwnerClientId, OwnerClientName, CipherSize, ExpiresAt",
    "messages.csv": "MessageId, CreatedBy, CreatedByClientId, CreatedByClientName, RelationshipId, Recipient,"
    " RecipientClientId, RecipientClientName, CreatedAt, ReceivedAt, CipherSize",
    "datawalletModifications.csv": "DatawalletModificationId, CreatedAt, CreatedBy, CreatedByClientId,"
    " CreatedByClientName, ObjectIdentifier, Collection, Type, PayloadCategory, PayloadSize",
    "tokens.csv": "TokenId, CreatedAt, CreatedBy, CreatedByClientId, CreatedByClientName, CipherSize, ExpiresAt",
    "syncErrors.csv": "ErrorId, SyncItemOwner, SyncItemOwnerClientId, SyncItemOwnerClientName, CreatedAt, ErrorCode",
}
MODIFICATION = {"objectIdentifier": "o", "collection": "c", "type": "Create", "datawalletVersion": 1}


def exported(path: Path, *options: str) -> dict[str, list[dict[str, str]]]:
    """The files of an export."""
    outcome = backbone("database", "export", "--output", str(path), *options)
    assert outcome.code == 0, outcome.err
    with zipfile.ZipFile(path) as archive:
        return {name: list(csv.DictReader(io.StringIO(archive.read(name).decode()))) for name in archive.namelist()}


@pytest.mark.usefixtures("moto")
def test_an_empty_backbone_has_files_with_nothing_but_headers(tmp_path: Path) -> None:
    """admin-api.md §13.1: Comma separated, no quoting, header = names below."""
    path = tmp_path / "export.zip"
    assert backbone("database", "export", "--output", str(path)).code == 0

    with zipfile.ZipFile(path) as archive:
        headers = {name: archive.read(name).decode() for name in archive.namelist()}
    assert headers == {name: columns.replace(", ", ",") + "\n" for name, columns in COLUMNS.items()}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.usefixtures("moto")
def test_without_a_path_it_goes_into_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """admin-api.md §13: writes a zip of CSV files to `<temp>/enmeshed/backbone/export-yyyyMMdd_HHmmss.zip`"""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    printed = backbone("database", "export", "--json").json

    [file] = (tmp_path / "enmeshed" / "backbone").iterdir()
    assert printed["path"] == str(file)
    assert file.match("export-????????_??????.zip")
    assert [entry["file"] for entry in printed["files"]] != []


@pytest.mark.parametrize("sensitive", [True, False])
def test_what_is_stored_is_exported(api: InProcessApi, tmp_path: Path, sensitive: bool) -> None:
    """admin-api.md §13.1: Without `--sensitive`, ids and addresses are left empty."""
    alice, bob = given_owner(), given_owner()
    started(bob, 4)
    token = api.post("/api/v2/Tokens", {"content": "AAAA", "expiresAt": "2999-01-01T00:00:00Z"}, caller=alice).result[
        "id"
    ]
    template = api.post("/api/v2/RelationshipTemplates", {"content": "AAAA"}, caller=alice).result["id"]
    large = {**MODIFICATION, "encryptedPayload": "A" * 40_000}
    given_upgrade(api, alice, modifications=[large])

    found = exported(tmp_path / "export.zip", *(["--sensitive"] if sensitive else []))

    def private(text: str) -> str:
        return text if sensitive else ""

    assert sorted(found) == sorted(COLUMNS)
    [first, second] = found["devices.csv"]
    assert {first["IdentityAddress"], second["IdentityAddress"]} == {private(alice.address), private(bob.address)}
    assert sorted([first["IdentityStatus"], second["IdentityStatus"]]) == ["Active", "ToBeDeleted"]
    assert first["ClientId"] == alice.client_id
    [entry] = found["deletionAuditLogItems.csv"]
    assert (entry["OldStatus"], entry["NewStatus"], entry["MessageKey"]) == ("", "Active", "StartedByOwner")
    [stored] = found["tokens.csv"]
    assert (stored["TokenId"], stored["CreatedBy"]) == (private(token), private(alice.address))
    assert (stored["CipherSize"], stored["CreatedByClientId"]) == ("3", alice.client_id)
    [offered] = found["relationshipTemplates.csv"]
    assert (offered["TemplateId"], offered["AllocatedAt"]) == (private(template), "")
    [modification] = found["datawalletModifications.csv"]
    assert (modification["Collection"], modification["Type"], modification["PayloadSize"]) == ("c", "Create", "30000")


@pytest.mark.usefixtures("moto")
def test_relationships_name_both_sides(tmp_path: Path) -> None:
    alice, bob = given_owner(), new_caller()
    given_relationship(alice.address, bob.address)

    [found] = exported(tmp_path / "export.zip", "--sensitive")["relationships.csv"]

    assert {found["From"], found["To"]} == {alice.address, bob.address}
    assert found["FromHasDecomposed"] == "False"


@pytest.mark.usefixtures("moto")
def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    outcome = backbone("database", "export", "--output", str(tmp_path))

    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (1, "", 1)
