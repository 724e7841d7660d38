"""Addresses of identities, client-protocol.md §5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from enmeshed.errors import ProtocolError, UnreadableError
from enmeshed.protocol.crypto import SignaturePublicKey
from enmeshed.protocol.encoding import JsonObject, member, text_member
from enmeshed.protocol.primitives import sha256, sha512

PREFIX = "did:e:"
CHECKSUM_LENGTH = 2
_DELETED_IDENTITY = b"deleted identity"


def hostname_of(base_url: str) -> str:
    """Host of a Backbone's base URL without the port; addresses are made from it (§5)."""
    hostname = urlsplit(base_url).hostname
    if not hostname:
        raise ProtocolError("error.client.noHostname", base_url)
    return hostname


def address_of(public_key: SignaturePublicKey | bytes, hostname: str) -> str:
    """The address of an identity public key on a host (§5, steps 1–4)."""
    raw = public_key.raw if isinstance(public_key, SignaturePublicKey) else public_key
    main = f"{PREFIX}{hostname}:dids:{sha256(sha512(raw))[:10].hex()}"
    return main + _checksum(main)


def is_valid_address(address: str, hostname: str, public_key: SignaturePublicKey | None = None) -> bool:
    """The client's own validity check: host as prefix, checksum and, if known, the key (§5)."""
    if not address.startswith(PREFIX) or not address[len(PREFIX) :].startswith(hostname):
        return False
    if address[-CHECKSUM_LENGTH:] != _checksum(address[:-CHECKSUM_LENGTH]):
        return False
    return public_key is None or address == address_of(public_key, hostname)


def client_pseudonym(hostname: str) -> str:
    """The pseudonym a *client* uses for a deleted identity; the Backbone's differs (§5, §24.10)."""
    return address_of(_DELETED_IDENTITY, hostname)


def _checksum(main: str) -> str:
    return sha256(main.encode())[:1].hex()


@dataclass(frozen=True)
class PublicIdentity:
    """``{address, publicKey}`` as it travels inside templates, requests and shared secrets (§14, §15, §11.2)."""

    address: str
    public_key: SignaturePublicKey

    def json(self) -> JsonObject:
        return {"address": self.address, "publicKey": self.public_key.json()}

    @classmethod
    def parse(cls, value: JsonObject) -> PublicIdentity:
        return cls(text_member(value, "address"), SignaturePublicKey.parse(member(value, "publicKey")))

    def check(self, address: Any) -> PublicIdentity:
        """Refuse an identity that is not the one the Backbone names, or whose key does not make its address.

        Official clients do not look (§24.17); without it, a peer could pose as somebody else.
        """
        host = self.address.removeprefix(PREFIX).rpartition(":dids:")[0]
        if self.address != address or not is_valid_address(self.address, host, self.public_key):
            raise UnreadableError("error.client.identityMismatch", f"{self.address} is not {address}")
        return self
