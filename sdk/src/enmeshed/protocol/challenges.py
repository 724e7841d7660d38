"""Signed challenges, client-protocol.md §8."""

from enmeshed.protocol.crypto import LABEL_IDENTITY, LABEL_RELATIONSHIP, Signature, SignatureKeyPair, SignaturePublicKey
from enmeshed.protocol.encoding import JsonObject, compact_json, iso, parse_iso, reads, sorted_object, unb64json

IDENTITY, DEVICE, RELATIONSHIP = "Identity", "Device", "Relationship"


def challenge_string(challenge: JsonObject, kind: str = IDENTITY) -> str:
    """The text that is signed, built from the Backbone's answer to ``POST /Challenges`` (§8)."""
    return compact_json(
        sorted_object(
            {
                "createdBy": challenge.get("createdBy"),
                "createdByDevice": challenge.get("createdByDevice"),
                "expiresAt": iso(parse_iso(challenge["expiresAt"])),
                "id": challenge["id"],
                "type": kind,
            }
        )
    )


def sign_challenge(challenge: JsonObject, key: SignatureKeyPair, kind: str = IDENTITY) -> JsonObject:
    """*Signed challenge*: with a token it carries a third member ``@type``, at registration it does not (§8)."""
    text = challenge_string(challenge, kind)
    label = LABEL_RELATIONSHIP if kind == RELATIONSHIP else LABEL_IDENTITY
    signed: JsonObject = {"challenge": text, "signature": key.sign(text.encode(), label).base64()}
    return {**signed, "@type": "ChallengeSigned"} if challenge.get("createdBy") else signed


@reads
def challenge_verifies(signed: JsonObject, key: SignaturePublicKey) -> bool:
    """Whether a peer's signed challenge was signed with this key (§8)."""
    signature = Signature.parse(unb64json(signed["signature"]))
    return key.verifies(signed["challenge"].encode(), signature)
