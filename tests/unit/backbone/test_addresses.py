"""Addresses, with the contract's worked examples.  Contract: devices.md, section 6; http-common.md, section 11."""

import base64
import json
from pathlib import Path

import pytest

from backbone.addresses import Address, anonymised_address

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/addresses.json").read_text())["addresses"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["address"])
def test_the_address_of_a_recorded_key(vector: dict[str, str]) -> None:
    """client-protocol.md §25: Public key JSON → address for the 9 vectors equals `addresses.json`"""
    address = Address.of_public_key(bytes.fromhex(vector["publicKeyHex"]), vector["hostname"])

    assert address == vector["address"]
    assert Address.is_valid(address)


@pytest.mark.parametrize(
    ("key", "suffix"),
    [
        ("49fWA+kzWNdCFdo92imTiQ4vUUJsPPLNlcB9udC4ooE=", "06a391378e5df5c1399f77"),
        ("fj0o9eOiPRswTZL6j9lE9TRvpDDnPRMF0gJeahz/W2c=", "fef1992c5e529adc413288"),
        ("Gl8XTo8qFuUM+ksXixwp4g/jf3H/hU1F8ETuYaHCM5I=", "01f4bab09d757578bb4994"),
        ("tB9KFp/YqHrom3m5qUuZsd6l30DkaNjN14SxRw7YZuI=", "56b3f2a0c202e27229aa87"),
        ("hg/cbeBvfNrMiJ0dW1AtWC4IQwG4gkuhzG2+z6bAoRU=", "ab7475ba4070f29ce286fd"),
        ("jRxGfZtQ8a90TmKCGk+dhuX1CBjgoXuldhNPwrjpWsw=", "b9d25bd0a2bbd3aa48437c"),
        ("kId+qWen/lKeTdyxcIQhkzvvvTU8wIJECfWUWbmRQRY=", "4664f42d7ca6480db07fdb"),
        ("l68K/zdNp1VLoswcHAqN6QUFwCMU6Yvzf7XiW2m1hRY=", "5845cf29fbda2897892a9a"),
        ("mJGmNbxiVZAPToRuk9O3NvdfsWl6V+7wzIc+/57bU08=", "e2208784ee2769c5d9684d"),
        ("NcqlzTEpSlKX9gmNBv41EjPRHpaNYwt0bxqh1bgyJzA=", "60326ff5075e0d7378990c"),
        ("PEODpwvi7KxIVa4qeUXia9apMFvPMktdDHiDitlfbjE=", "d459ff2144f0eac7aff554"),
        ("rIS4kAzHXT7GgCA6Qm1ANlwM3x12QMSkeprHb6tjPyc=", "ee5966a158f1dc4de5bd5c"),
    ],
)
def test_the_worked_examples(key: str, suffix: str) -> None:
    """devices.md §6: Worked examples (domain `prod.enmeshed.eu`)"""
    address = Address.of_public_key(base64.b64decode(key), "prod.enmeshed.eu")

    assert address == f"did:e:prod.enmeshed.eu:dids:{suffix}"


def test_the_pseudonym_of_deleted_identities() -> None:
    """http-common.md §11: Anonymised address"""
    assert anonymised_address("localhost") == "did:e:localhost:dids:3a29ae5c1f591bbd9a2aaa"
    assert anonymised_address("prod.enmeshed.eu") == "did:e:prod.enmeshed.eu:dids:3a29ae5c1f591bbd9a2a59"


def test_an_address_has_at_most_eighty_characters() -> None:
    """http-common.md §11: Total length at most 80"""
    fitting = Address.of_public_key(b"k", "a" * 46)
    too_long = Address.of_public_key(b"k", "a" * 47)

    assert (len(fitting), Address.is_valid(fitting)) == (80, True)
    assert (len(too_long), Address.is_valid(too_long)) == (81, False)
