"""Datawallet modifications: payload categories and encryption, client-protocol.md §20.1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from enmeshed.errors import ProtocolError, UnreadableError
from enmeshed.protocol.crypto import Cipher, SecretKey
from enmeshed.protocol.encoding import JsonObject, compact_json, parse_object, reads, sorted_object

DATAWALLET_VERSION = 1
CREATE, UPDATE, DELETE = "Create", "Update", "Delete"
TECHNICAL_DATA, CONTENT, METADATA, USERDATA = "TechnicalData", "Content", "Metadata", "Userdata"
_CONTEXT = "DataSync"

_METADATA = ("metadata", "metadataModifiedAt")
_CREATION = ("createdAt", "createdBy", "createdByDevice")

_SHARED = ("deletionInfo", "sourceReference", "initialAttributePeer", "isDefault", "peer")
_UPPER_LAYERS: dict[str, dict[str, tuple[str, ...]]] = {
    "Attributes": {
        TECHNICAL_DATA: ("@type", "createdAt", "succeeds", "succeededBy", "wasViewedAt", *_SHARED),
        USERDATA: ("content",),
    },
    "AttributeForwardingDetails": {
        TECHNICAL_DATA: ("attributeId", "peer", "sourceReference", "sharedAt", "deletionInfo"),
    },
    "Requests": {
        TECHNICAL_DATA: (
            *("@type", "isOwn", "peer", "createdAt", "source", "status", "statusLog", "wasAutomaticallyDecided"),
        ),
        USERDATA: ("content", "response"),
    },
    "Notifications": {
        TECHNICAL_DATA: ("@type", "isOwn", "peer", "createdAt", "receivedByDevice", "status", "source"),
        USERDATA: ("content",),
    },
    "Settings": {
        TECHNICAL_DATA: ("@type", "key", "scope", "reference", "createdAt", "succeedsItem", "succeedsAt"),
        METADATA: _METADATA,
        USERDATA: ("value",),
    },
    "Drafts": {
        TECHNICAL_DATA: ("@type", "type", "createdAt", "lastModifiedAt"),
        CONTENT: ("content",),
        METADATA: _METADATA,
    },
    "IdentityMetadata": {TECHNICAL_DATA: ("@type", "key", "reference"), USERDATA: ("value",)},
}

CATEGORIES: dict[str, dict[str, tuple[str, ...]]] = {
    "Devices": {
        TECHNICAL_DATA: (
            *("@type", "isAdmin", "publicKey", "operatingSystem", "type", "createdAt", "createdByDevice"),
            *("lastLoginAt", "username", "initialPassword", "datawalletVersion", "isOffboarded", "isBackupDevice"),
        ),
        USERDATA: ("name", "description"),
    },
    "Secrets": {
        TECHNICAL_DATA: (
            *("@type", "active", "cipher", "createdAt", "description", "name", "nonce", "validFrom", "validTo"),
        ),
    },
    "Relationships": {
        TECHNICAL_DATA: ("@type", "relationshipSecretId", "peer", "status", "peerDeletionInfo", "auditLog"),
        CONTENT: ("templateId", "creationContent", "lastMessageSentAt", "lastMessageReceivedAt"),
        METADATA: _METADATA,
    },
    "Templates": {
        TECHNICAL_DATA: (
            *("@type", "secretKey", "isOwn", "identity", "templateKey", *_CREATION),
            *("expiresAt", "maxNumberOfAllocations", "forIdentity"),
        ),
        CONTENT: ("content",),
        METADATA: _METADATA,
        USERDATA: ("passwordProtection",),
    },
    "Tokens": {
        TECHNICAL_DATA: ("@type", "secretKey", "isOwn", *_CREATION, "expiresAt", "forIdentity"),
        CONTENT: ("content",),
        METADATA: _METADATA,
        USERDATA: ("passwordProtection",),
    },
    "Files": {
        TECHNICAL_DATA: (
            *("@type", "secretKey", "isOwn", "ownershipToken", "ownershipIsLocked", "filesize", "filemodified"),
            *("mimetype", "cipherHash", "expiresAt", "cipherKey", "owner", "ownerSignature", "plaintextHash"),
            *(*_CREATION, "deletedAt", "deletedBy", "deletedByDevice"),
        ),
        CONTENT: ("title", "description", "filename", "tags"),
        METADATA: _METADATA,
    },
    "Messages": {
        TECHNICAL_DATA: (
            *("@type", "secretKey", "isOwn", *_CREATION, "recipients", "attachments", "receivedByEveryone"),
        ),
        CONTENT: ("content",),
        METADATA: _METADATA,
        USERDATA: ("wasReadAt",),
    },
    **_UPPER_LAYERS,
    "IdentityDeletionProcess": {
        TECHNICAL_DATA: ("id", "status", "createdAt", "createdByDevice"),
        CONTENT: ("gracePeriodEndsAt", "cancelledAt", "cancelledByDevice"),
    },
}


@dataclass(frozen=True)
class Modification:
    """A change of one category of one object, not yet encrypted; Delete has neither category nor payload."""

    collection: str
    object_identifier: str
    type: str
    payload_category: str | None = None
    payload: JsonObject | None = None

    def encrypt(self, index: int, master_key: SecretKey, *, nonce: bytes | None = None) -> JsonObject:
        """The form sent to the Backbone, encrypted for the index it will get (§20.1)."""
        category = {} if self.payload_category is None else {"payloadCategory": self.payload_category}
        payload: JsonObject = {}
        if self.payload is not None:
            key = master_key.derive(index, _CONTEXT)
            payload = {"encryptedPayload": key.encrypt(compact_json(self.payload).encode(), nonce).base64()}
        kind = {"collection": self.collection, "type": self.type}
        identifier = {"objectIdentifier": self.object_identifier}
        return {**identifier, **category, **kind, **payload, "datawalletVersion": DATAWALLET_VERSION}

    def json(self) -> JsonObject:
        """The form in the queue of a device."""
        return {
            "collection": self.collection,
            "objectIdentifier": self.object_identifier,
            "type": self.type,
            "payloadCategory": self.payload_category,
            "payload": self.payload,
        }

    @classmethod
    def of(cls, value: JsonObject) -> Modification:
        """Inverse of :meth:`json`."""
        names = ("collection", "objectIdentifier", "type", "payloadCategory", "payload")
        return cls(*(value[name] for name in names))

    @classmethod
    @reads
    def decrypt(cls, item: JsonObject, master_key: SecretKey) -> Modification:
        """Read an item of ``GET /Datawallet/Modifications`` (§20.2); ``payloadCategory`` must be present."""
        if "payloadCategory" not in item:
            raise UnreadableError("error.client.missingMember", "payloadCategory must be present, as null for Delete")
        if item["type"] not in (CREATE, UPDATE, DELETE):
            raise UnreadableError("error.client.unknownModificationType", item["type"])
        if item["payloadCategory"] not in (None, TECHNICAL_DATA, CONTENT, METADATA, USERDATA):
            raise UnreadableError("error.client.unknownPayloadCategory", item["payloadCategory"])
        payload = None
        if item.get("encryptedPayload"):
            key = master_key.derive(item["index"], _CONTEXT)
            payload = parse_object(key.decrypt(Cipher.parse_base64(item["encryptedPayload"])))
        return cls(item["collection"], item["objectIdentifier"], item["type"], item["payloadCategory"], payload)


def encrypt_all(modifications: Sequence[Modification], first_index: int, master_key: SecretKey) -> list[JsonObject]:
    """Encrypt a list for consecutive indexes in list order (§20.1 index)."""
    return [item.encrypt(first_index + offset, master_key) for offset, item in enumerate(modifications)]


def creations(collection: str, value: JsonObject) -> Iterator[Modification]:
    """One modification per non-empty category (§20.1 Create)."""
    for category, payload in _payloads(collection, value):
        if payload:
            yield Modification(collection, value["id"], CREATE, category, payload)


def updates(collection: str, old: JsonObject, new: JsonObject) -> Iterator[Modification]:
    """One modification per changed category, with all its members (§20.1 Update)."""
    before = dict(_payloads(collection, old))
    for category, payload in _payloads(collection, new):
        if payload != before[category]:
            yield Modification(collection, new["id"], UPDATE, category, payload)


def _payloads(collection: str, value: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    if collection not in CATEGORIES:
        raise ProtocolError("error.client.unknownCollection", collection)
    for category, names in CATEGORIES[collection].items():
        yield category, sorted_object({name: value[name] for name in names if name in value})
