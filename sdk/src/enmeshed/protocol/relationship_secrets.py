"""Secrets of a relationship and the handshake that makes them, client-protocol.md §15, both roles."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from enmeshed.errors import UnreadableError
from enmeshed.protocol.crypto import (
    ALGORITHM,
    Cipher,
    ExchangeKeyPair,
    ExchangePublicKey,
    SecretKey,
    SignatureKeyPair,
    SignaturePublicKey,
)
from enmeshed.protocol.encoding import JsonObject, b64u, member, sorted_object, unb64u
from enmeshed.protocol.primitives import NONCE_LENGTH
from enmeshed.protocol.templates import TemplateKey

ROLE_TEMPLATOR, ROLE_REQUESTOR = 1, 2
STATE_RECEIVE, STATE_TRANSMIT = 1, 2
REQUEST_CONTEXT = "REQTMP01"
FROM_REQUESTOR_CONTEXT = "RELREQ01"
FROM_TEMPLATOR_CONTEXT = "RELTEM01"
_KEY_ID = 1


def _nonce(text: str) -> bytes:
    nonce = unb64u(text)
    if len(nonce) != NONCE_LENGTH:
        raise UnreadableError("error.client.wrongLength", "nonce")
    return nonce


def _parse_template_key(value: JsonObject) -> TemplateKey | ExchangePublicKey:
    return TemplateKey.parse(value) if "id" in value else ExchangePublicKey.parse(value)


@dataclass(frozen=True)
class PrivateState:
    """``CryptoPrivateStateTransmit`` / ``…Receive``: key, base nonce and counter of one direction (§3.1)."""

    kind: int
    key: SecretKey
    nonce: bytes
    counter: int = 0

    def json(self) -> JsonObject:
        """Always verbose, even nested (§3.1)."""
        name = "CryptoPrivateStateReceive" if self.kind == STATE_RECEIVE else "CryptoPrivateStateTransmit"
        state = {"nnc": b64u(self.nonce), "cnt": self.counter, "key": b64u(self.key.raw), "alg": ALGORITHM}
        return {**state, "typ": self.kind, "@type": name}

    def public_json(self) -> JsonObject:
        """``CryptoPublicState`` in short form, as ``sta`` in an acceptance (§15)."""
        return {"nnc": b64u(self.nonce), "alg": ALGORITHM, "typ": self.kind}

    @classmethod
    def parse(cls, value: JsonObject) -> PrivateState:
        key = SecretKey.parse({"key": member(value, "key", "secretKey"), "alg": member(value, "alg", "algorithm")})
        counter: int = member(value, "cnt", "counter")
        return cls(member(value, "typ", "type", "stateType"), key, _nonce(member(value, "nnc", "nonce")), counter)


@dataclass(frozen=True)
class PublicRequest:
    """``CryptoRelationshipPublicRequest``: what the requestor tells in clear (§3.1, §15)."""

    exchange: ExchangePublicKey
    signature: SignaturePublicKey
    ephemeral: ExchangePublicKey
    nonce: bytes

    def json(self) -> JsonObject:
        keys = {"exc": self.exchange.json(), "sig": self.signature.json(), "eph": self.ephemeral.json()}
        return {**keys, "nnc": b64u(self.nonce)}

    @classmethod
    def parse(cls, value: JsonObject) -> PublicRequest:
        return cls(
            ExchangePublicKey.parse(member(value, "exc", "exchangeKey")),
            SignaturePublicKey.parse(member(value, "sig", "signatureKey")),
            ExchangePublicKey.parse(member(value, "eph", "ephemeralKey")),
            _nonce(member(value, "nnc", "nonce")),
        )


@dataclass(frozen=True)
class PublicResponse:
    """``CryptoRelationshipPublicResponse``: what the templator tells in clear when accepting (§3.1, §15)."""

    exchange: ExchangePublicKey
    signature: SignaturePublicKey
    nonce: bytes

    def json(self) -> JsonObject:
        state = {"nnc": b64u(self.nonce), "alg": ALGORITHM, "typ": STATE_TRANSMIT}
        return {"exc": self.exchange.json(), "sig": self.signature.json(), "sta": state}

    @classmethod
    def parse(cls, value: JsonObject) -> PublicResponse:
        return cls(
            ExchangePublicKey.parse(member(value, "exc", "exchangeKey")),
            SignaturePublicKey.parse(member(value, "sig", "signatureKey")),
            _nonce(member(member(value, "sta", "state"), "nnc", "nonce")),
        )


@dataclass(frozen=True)
class RelationshipSecrets:
    """``CryptoRelationshipSecrets``: everything one side needs for messages (§3.1, §17)."""

    role: int
    exchange: ExchangeKeyPair
    signature: SignatureKeyPair
    request_key: SecretKey
    peer_exchange: ExchangePublicKey
    peer_signature: SignaturePublicKey
    peer_template_key: TemplateKey | ExchangePublicKey
    rx: PrivateState
    tx: PrivateState
    peer_identity: SignaturePublicKey | None = None

    TYPE = "CryptoRelationshipSecrets"

    @classmethod
    def for_templator(cls, template_key: ExchangeKeyPair, request: PublicRequest) -> RelationshipSecrets:
        """The templator's side, made on *receiving* the request (§15 T, steps 1–2)."""
        request_key = SecretKey(template_key.agree_as_templator(request.ephemeral).rx)
        exchange = ExchangeKeyPair.generate()
        rx, tx = exchange.agree_as_templator(request.exchange)
        return cls(
            role=ROLE_TEMPLATOR,
            exchange=exchange,
            signature=SignatureKeyPair.generate(),
            request_key=request_key.derive(_KEY_ID, REQUEST_CONTEXT),
            peer_exchange=request.exchange,
            peer_signature=request.signature,
            peer_template_key=request.ephemeral,
            rx=PrivateState(STATE_RECEIVE, SecretKey(rx).derive(_KEY_ID, FROM_REQUESTOR_CONTEXT), request.nonce),
            tx=PrivateState(
                STATE_TRANSMIT, SecretKey(tx).derive(_KEY_ID, FROM_TEMPLATOR_CONTEXT), os.urandom(NONCE_LENGTH)
            ),
        )

    @property
    def public_response(self) -> PublicResponse:
        return PublicResponse(self.exchange.public, self.signature.public, self.tx.nonce)

    def with_counter(self, counter: int) -> RelationshipSecrets:
        """The same secrets, next to be used with a certain counter."""
        return replace(self, tx=replace(self.tx, counter=counter))

    def encrypt(self, plaintext: bytes) -> tuple[Cipher, RelationshipSecrets]:
        """Encrypt for the peer; returns the secrets to store, their counter counted up (§24.1)."""
        cipher = self.tx.key.encrypt_counted(plaintext, self.tx.nonce, self.tx.counter)
        return cipher, replace(self, tx=replace(self.tx, counter=self.tx.counter + 1))

    def decrypt(self, cipher: Cipher) -> bytes:
        """Decrypt what the peer sent; any counter in any order is accepted (§17 Receive)."""
        return self.rx.key.decrypt(cipher, self.rx.nonce)

    def json(self) -> JsonObject:
        """Verbose form for the secret container, sorted (§3.1)."""
        template_key = self.peer_template_key  # verbose only where it is a subclass of the declared type (§1)
        return sorted_object(
            {
                "@type": self.TYPE,
                "exc": self.exchange.json(),
                "pik": self.peer_identity.json() if self.peer_identity else None,
                "psk": self.peer_signature.json(),
                "ptk": template_key.json(verbose=isinstance(template_key, TemplateKey)),
                "pxk": self.peer_exchange.json(),
                "rsk": self.request_key.json(),
                "rx": self.rx.json(),
                "sig": self.signature.json(),
                "tx": self.tx.json(),
                "typ": self.role,
            }
        )

    @classmethod
    def parse(cls, value: JsonObject) -> RelationshipSecrets:
        template_key, peer_identity = member(value, "ptk"), value.get("pik")
        return cls(
            role=member(value, "typ"),
            exchange=ExchangeKeyPair.parse(member(value, "exc")),
            signature=SignatureKeyPair.parse(member(value, "sig")),
            request_key=SecretKey.parse(member(value, "rsk")),
            peer_exchange=ExchangePublicKey.parse(member(value, "pxk")),
            peer_signature=SignaturePublicKey.parse(member(value, "psk")),
            peer_template_key=_parse_template_key(template_key),
            rx=PrivateState.parse(member(value, "rx")),
            tx=PrivateState.parse(member(value, "tx")),
            peer_identity=SignaturePublicKey.parse(peer_identity) if peer_identity else None,
        )


@dataclass(frozen=True)
class RequestSecrets:
    """``CryptoRelationshipRequestSecrets``: the requestor's side until the acceptance arrives (§3.1, §15 R)."""

    exchange: ExchangeKeyPair
    ephemeral: ExchangeKeyPair
    signature: SignatureKeyPair
    nonce: bytes
    request_key: SecretKey
    peer_identity: SignaturePublicKey
    peer_template_key: TemplateKey

    TYPE = "CryptoRelationshipRequestSecrets"

    @classmethod
    def create(cls, peer_identity: SignaturePublicKey, peer_template_key: TemplateKey) -> RequestSecrets:
        """Fresh keys for a request to the creator of a template (§15 R, steps 1–2)."""
        ephemeral = ExchangeKeyPair.generate()
        transmission = SecretKey(ephemeral.agree_as_requestor(peer_template_key.public).tx)
        return cls(
            exchange=ExchangeKeyPair.generate(),
            ephemeral=ephemeral,
            signature=SignatureKeyPair.generate(),
            nonce=os.urandom(NONCE_LENGTH),
            request_key=transmission.derive(_KEY_ID, REQUEST_CONTEXT),
            peer_identity=peer_identity,
            peer_template_key=peer_template_key,
        )

    @property
    def public_request(self) -> PublicRequest:
        return PublicRequest(self.exchange.public, self.signature.public, self.ephemeral.public, self.nonce)

    def accepted(self, response: PublicResponse) -> RelationshipSecrets:
        """The requestor's side once the acceptance is here (§15 R, on event)."""
        rx, tx = self.exchange.agree_as_requestor(response.exchange)
        return RelationshipSecrets(
            role=ROLE_REQUESTOR,
            exchange=self.exchange,
            signature=self.signature,
            request_key=self.request_key,
            peer_exchange=response.exchange,
            peer_signature=response.signature,
            peer_template_key=self.peer_template_key,
            rx=PrivateState(STATE_RECEIVE, SecretKey(rx).derive(_KEY_ID, FROM_TEMPLATOR_CONTEXT), response.nonce),
            tx=PrivateState(STATE_TRANSMIT, SecretKey(tx).derive(_KEY_ID, FROM_REQUESTOR_CONTEXT), self.nonce),
            peer_identity=self.peer_identity,
        )

    def json(self) -> JsonObject:
        """Verbose form for the secret container, sorted (§3.1)."""
        return {
            "@type": self.TYPE,
            "eph": self.ephemeral.json(),
            "exc": self.exchange.json(),
            "key": self.request_key.json(),
            "nnc": b64u(self.nonce),
            "pik": self.peer_identity.json(),
            "pxk": self.peer_template_key.json(verbose=True),
            "sig": self.signature.json(),
        }

    @classmethod
    def parse(cls, value: JsonObject) -> RequestSecrets:
        return cls(
            exchange=ExchangeKeyPair.parse(member(value, "exc")),
            ephemeral=ExchangeKeyPair.parse(member(value, "eph")),
            signature=SignatureKeyPair.parse(member(value, "sig")),
            nonce=_nonce(member(value, "nnc")),
            request_key=SecretKey.parse(member(value, "key")),
            peer_identity=SignaturePublicKey.parse(member(value, "pik")),
            peer_template_key=TemplateKey.parse(member(value, "pxk")),
        )
