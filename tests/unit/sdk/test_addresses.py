"""Addresses against the recorded ones (``addresses.json``)."""

from typing import Any

import pytest

from enmeshed.protocol.addresses import address_of, client_pseudonym, hostname_of, is_valid_address
from enmeshed.protocol.crypto import SignatureKeyPair
from enmeshed.protocol.encoding import unb64
from tests.unit.sdk.vectors import load

ADDRESSES = load("addresses")


@pytest.mark.parametrize("vector", ADDRESSES["addresses"], ids=lambda vector: str(vector["address"]))
def test_an_address_is_made_from_public_key_and_host(vector: dict[str, Any]) -> None:
    """client-protocol.md §5."""
    public_key = SignatureKeyPair.from_seed(bytes.fromhex(vector["seedHex"])).public
    assert public_key.raw.hex() == vector["publicKeyHex"]
    assert address_of(public_key, vector["hostname"]) == vector["address"]
    assert is_valid_address(vector["address"], vector["hostname"], public_key) is vector["checkAddressTrue"]


@pytest.mark.parametrize("vector", ADDRESSES["negatives"], ids=lambda vector: str(vector["why"]))
def test_checksum_and_host_prefix_decide_over_validity(vector: dict[str, Any]) -> None:
    """client-protocol.md §5."""
    assert is_valid_address(vector["address"], vector["hostname"]) is vector["checkAddress"]


def test_an_address_of_another_key_is_not_valid() -> None:
    """client-protocol.md §5: with a known key also step 1."""
    vector = ADDRESSES["addresses"][0]
    assert not is_valid_address(vector["address"], vector["hostname"], SignatureKeyPair.generate().public)


@pytest.mark.parametrize("vector", ADDRESSES["pseudonyms"], ids=lambda vector: str(vector["hostname"]))
def test_the_client_has_its_own_pseudonym_of_a_deleted_identity(vector: dict[str, Any]) -> None:
    """client-protocol.md §5, §24.10."""
    assert client_pseudonym(vector["hostname"]) == vector["address"]


@pytest.mark.parametrize(
    ("key", "address"),
    [
        ("fj0o9eOiPRswTZL6j9lE9TRvpDDnPRMF0gJeahz/W2c=", "did:e:example.com:dids:fef1992c5e529adc41328d"),
        ("jRxGfZtQ8a90TmKCGk+dhuX1CBjgoXuldhNPwrjpWsw=", "did:e:example.com:dids:b9d25bd0a2bbd3aa4843ed"),
        ("PEODpwvi7KxIVa4qeUXia9apMFvPMktdDHiDitlfbjE=", "did:e:example.com:dids:d459ff2144f0eac7aff5f7"),
        ("mJGmNbxiVZAPToRuk9O3NvdfsWl6V+7wzIc+/57bU08=", "did:e:example.com:dids:e2208784ee2769c5d9686a"),
    ],
)
def test_the_published_examples_are_reproduced(key: str, address: str) -> None:
    """client-protocol.md §23."""
    assert address_of(unb64(key), "example.com") == address


def test_the_port_is_no_part_of_the_host() -> None:
    """client-protocol.md §5."""
    assert hostname_of("http://localhost:8080/base") == "localhost"
