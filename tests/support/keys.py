"""Keys that sign challenges the way clients do, in both dialects.  Contract: devices.md, section 5."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from nacl.signing import SigningKey

from backbone.addresses import Address
from backbone.encoding import to_base64url
from tests.support.engine import DOMAIN


@dataclass(frozen=True)
class ClientKey:
    """An Ed25519 key of a TypeScript client, or of a .NET client (`dot_net`)."""

    signing_key: SigningKey
    dot_net: bool = False

    @classmethod
    def new(cls, *, dot_net: bool = False) -> "ClientKey":
        """A fresh key."""
        return cls(SigningKey.generate(), dot_net)

    @property
    def raw(self) -> bytes:
        """The 32 bytes of the public key."""
        return bytes(self.signing_key.verify_key)

    @property
    def address(self) -> Address:
        """The address of the identity with this key."""
        return Address.of_public_key(self.raw, DOMAIN)

    @property
    def public_key_json(self) -> bytes:
        """What the Backbone stores."""
        key = {"pub": self._encode(self.raw), "alg": 3}
        return json.dumps(key if self.dot_net else {**key, "@type": "CryptoSignaturePublicKey"}).encode()

    @property
    def public_key(self) -> str:
        """`identityPublicKey`"""
        return self._encode(self.public_key_json)

    def sign(self, challenge: Any) -> dict[str, str]:
        """`signedChallenge` for the answer to POST /Challenges."""
        names = {"id": "Id", "expiresAt": "ExpiresAt", "createdBy": "CreatedBy", "createdByDevice": "CreatedByDevice"}
        if self.dot_net:
            return self.sign_text(json.dumps({names[name]: value for name, value in challenge.items()}))
        sent = {name: value for name, value in sorted(challenge.items()) if value is not None}
        return {**self.sign_text(json.dumps({**sent, "type": "Identity"})), "@type": "ChallengeSigned"}

    def sign_text(self, text: str) -> dict[str, str]:
        """`signedChallenge` for any text."""
        signature = self.signing_key.sign(text.encode()).signature
        signature_json = json.dumps({"sig": self._encode(signature), "alg": 2}).encode()
        return {"challenge": text, "signature": self._encode(signature_json)}

    def _encode(self, data: bytes) -> str:
        return base64.b64encode(data).decode() if self.dot_net else to_base64url(data)
