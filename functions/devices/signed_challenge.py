"""Signed challenges: the proof that a request comes from the owner of a key.  Contract: devices.md, section 5.

The text is the client's own: a JSON object that names the challenge.  The signature covers its UTF-8 bytes as sent.
"""

from dataclasses import dataclass
from datetime import datetime

from pydantic_core import from_json

from backbone.addresses import Address
from backbone.errors import InvalidPropertyValue, RecordNotFound
from backbone.http import RequestModel, Timestamp
from backbone.ids import ChallengeId
from backbone.readmodels.challenges import ChallengeView
from backbone.signatures import is_signed, public_key_bytes
from functions.devices.errors import ChallengeHasExpired, InvalidSignature


class _Text(RequestModel):
    """What is read of the text; names match case-insensitively because .NET clients write `Id`."""

    id: str
    expires_at: Timestamp  # has to be there, and says nothing: the stored challenge knows


@dataclass(frozen=True, slots=True)
class SignedChallenge:
    """A text and the signature of it, not yet checked.

    `named_id` is the id that the text names, None when the text cannot be read.
    """

    text: str
    signature: bytes
    named_id: str | None

    @classmethod
    def read(cls, text: str, signature: bytes) -> "SignedChallenge":
        """Take what a request sent; nothing is refused yet."""
        try:
            named_id = _Text.model_validate(from_json(text)).id
        except ValueError:
            named_id = None
        return cls(text, signature, named_id)

    @property
    def challenge_id(self) -> ChallengeId | None:
        """The challenge to look up; None when there cannot be one."""
        return ChallengeId(self.named_id) if self.named_id and ChallengeId.is_valid(self.named_id) else None

    def check(self, public_key_json: bytes, challenge: ChallengeView | None, *, now: datetime) -> None:
        """Whether the owner of this key has signed this challenge in time.

        Raises `InvalidSignature`, `InvalidPropertyValue` (a signed text that cannot be read: 500 in the reference),
        `RecordNotFound` or `ChallengeHasExpired`.
        """
        try:
            public_key = public_key_bytes(public_key_json)
        except ValueError:
            raise InvalidSignature from None
        if not is_signed(self.text, self.signature, public_key):
            raise InvalidSignature
        if self.named_id is None:
            raise InvalidPropertyValue("The signed challenge cannot be read.")
        if challenge is None:
            raise RecordNotFound("Challenge")
        if challenge.expires_at < now:
            raise ChallengeHasExpired


def address_of(public_key_json: bytes, domain: str) -> Address | None:
    """The address that belongs to a client's public key object; None when that cannot be read."""
    try:
        return Address.of_public_key(public_key_bytes(public_key_json), domain)
    except ValueError:
        return None
