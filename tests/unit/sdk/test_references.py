"""References against the recorded ones (``references.json`` and those of ``wire.json``)."""

from typing import Any

import pytest

from enmeshed.errors import ProtocolError
from enmeshed.protocol.crypto import SecretKey
from enmeshed.protocol.encoding import b64u, unb64u
from enmeshed.protocol.passwords import PasswordProtection
from enmeshed.protocol.references import FILE, TEMPLATE, TOKEN, Reference
from tests.unit.sdk.vectors import load, wire_object

REFERENCES = load("references")
WIRE_REFERENCES = {
    "template": "template",
    "templatePin": "templatePin",
    "token": "token",
    "tokenPw": "tokenPw",
    "file": "file",
    "emptyToken": "emptyToken",
    "recoveryKit": "recoveryKitToken",
}


def reference_of(recorded: dict[str, Any]) -> Reference:
    password = recorded["passwordProtection"]
    protection = None
    if password:
        salt = bytes.fromhex(password["saltHex"])
        protection = PasswordProtection(password["passwordType"], salt, password["passwordLocationIndicator"])
    return Reference(
        recorded["id"],
        SecretKey(bytes.fromhex(recorded["keyHex"])),
        recorded["backboneBaseUrl"],
        recorded["forIdentityTruncated"],
        protection,
    )


@pytest.mark.parametrize("vector", REFERENCES["references"], ids=lambda vector: str(vector["truncatedDecoded"]))
def test_a_reference_is_printed_as_recorded_and_parses_back(vector: dict[str, Any]) -> None:
    """client-protocol.md §13."""
    reference = reference_of(vector["input"])
    assert reference.truncated == vector["truncated"]
    assert unb64u(reference.truncated).decode() == vector["truncatedDecoded"]
    assert Reference.parse(vector["truncated"]) == reference
    if vector["input"]["backboneBaseUrl"]:
        assert reference.tail == vector["urlFragmentDecoded"]
        assert reference.url == vector["url"]
        assert reference.url_for("my_app") == vector["urlWithApp"]
        assert Reference.parse(vector["url"]) == Reference.parse(vector["urlWithApp"]) == reference


@pytest.mark.parametrize("vector", REFERENCES["legacyAccepted"], ids=lambda vector: str(vector["decoded"]))
def test_the_old_form_with_three_parts_is_still_read(vector: dict[str, Any]) -> None:
    """client-protocol.md §13."""
    assert Reference.parse(vector["truncated"]).truncated == vector["reTruncated"]


@pytest.mark.parametrize("vector", REFERENCES["invalid"], ids=lambda vector: str(vector["decoded"]))
def test_invalid_references_are_refused_with_the_recorded_code(vector: dict[str, Any]) -> None:
    """client-protocol.md §13; an untyped reference does not check the id (§24.15)."""
    if vector["accepted"]:
        assert Reference.parse(vector["truncated"]).id == "TOKSHORT"
        return
    with pytest.raises(ProtocolError) as caught:
        Reference.parse(vector["truncated"])
    assert caught.value.code == vector["error"]


@pytest.mark.parametrize("vector", REFERENCES["typedIdChecks"], ids=lambda vector: str(vector["cls"]))
def test_a_typed_reference_refuses_ids_of_other_kinds(vector: dict[str, Any]) -> None:
    """client-protocol.md §13."""
    kind = {"TokenReference": TOKEN, "RelationshipTemplateReference": TEMPLATE, "FileReference": FILE}[vector["cls"]]
    with pytest.raises(ProtocolError) as caught:
        Reference(vector["id"], SecretKey.generate()).check_kind(kind)
    assert caught.value.code == vector["error"]


@pytest.mark.parametrize(("name", "recorded_object"), WIRE_REFERENCES.items())
def test_references_of_recorded_objects_are_rebuilt(name: str, recorded_object: str) -> None:
    """client-protocol.md §13, §23."""
    wire, value = load("wire"), wire_object(recorded_object)
    protection, for_identity = value.get("passwordProtection"), value.get("forIdentity")
    reference = Reference(
        value["id"],
        SecretKey.parse(value["secretKey"]),
        wire["baseUrl"],
        for_identity[-4:] if for_identity else None,
        PasswordProtection.parse(protection) if protection else None,
    )
    assert reference.truncated == wire["references"][name]["truncated"]
    assert reference.url == wire["references"][name]["url"]
    assert Reference.parse(wire["references"][name]["url"]) == reference


def test_a_url_needs_all_four_parts_in_its_fragment() -> None:
    """client-protocol.md §13: both separators after the key must be present."""
    fragment = b64u(f"3|{b64u(bytes(32))}".encode())
    with pytest.raises(ProtocolError):
        Reference.parse(f"https://example.com/r/TOKABCDEFGHIJKLMNOPQ#{fragment}")


@pytest.mark.parametrize("reader", [None, "did:e:localhost:dids:7bb9281f8f3ae4aeda137d"])
def test_a_personalised_reference_stops_everybody_else(reader: str | None) -> None:
    """client-protocol.md §13: an anonymous client always stops."""
    reference = Reference("RLTABCDEFGHIJKLMNOPQ", SecretKey.generate(), for_identity_truncated="a23b")
    with pytest.raises(ProtocolError) as caught:
        reference.check_reader(reader)
    assert caught.value.code == "error.transport.general.notIntendedForYou"


def test_only_digits_make_a_pin() -> None:
    """client-protocol.md §12.4."""
    types = [PasswordProtection.for_password(text).password_type for text in ("1234", "123", "1" * 16, "1" * 17, "pä")]
    assert types == ["pin4", "pw", "pin16", "pw", "pw"]
