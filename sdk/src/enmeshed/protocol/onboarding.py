"""The shared secret that carries an identity to another device, client-protocol.md §11.2."""

from __future__ import annotations

from dataclasses import dataclass

from enmeshed.protocol.addresses import PublicIdentity
from enmeshed.protocol.crypto import SecretKey, SignatureKeyPair
from enmeshed.protocol.encoding import JsonObject, member, reads, sorted_object
from enmeshed.protocol.tokens import CONTENT_SHARED_SECRET


@dataclass(frozen=True)
class DeviceSharedSecret:
    """``DeviceSharedSecret``; whoever holds it can become the device (§11.2)."""

    id: str
    username: str
    password: str
    identity: PublicIdentity
    secret_base_key: SecretKey
    synchronization_key: SecretKey
    device_index: int
    created_at: str
    created_by_device: str
    is_backup_device: bool = False
    identity_key: SignatureKeyPair | None = None
    name: str | None = None
    description: str | None = None
    profile_name: str | None = None

    def json(self) -> JsonObject:
        """Sorted short form, as inside a token (§11.2)."""
        return sorted_object(
            {
                "createdAt": self.created_at,
                "createdByDevice": self.created_by_device,
                "description": self.description,
                "deviceIndex": self.device_index,
                "id": self.id,
                "identity": self.identity.json(),
                "identityPrivateKey": self.identity_key.private_json() if self.identity_key else None,
                "isBackupDevice": self.is_backup_device,
                "name": self.name,
                "password": self.password,
                "profileName": self.profile_name,
                "secretBaseKey": self.secret_base_key.json(),
                "synchronizationKey": self.synchronization_key.json(),
                "username": self.username,
            }
        )

    def token_content(self) -> JsonObject:
        """Content of the token that transfers it (§11.3, §19)."""
        return {"@type": CONTENT_SHARED_SECRET, "sharedSecret": self.json()}

    @classmethod
    @reads
    def parse(cls, value: JsonObject) -> DeviceSharedSecret:
        identity_key = value.get("identityPrivateKey")
        return cls(
            id=member(value, "id"),
            username=member(value, "username"),
            password=member(value, "password"),
            identity=PublicIdentity.parse(member(value, "identity")),
            secret_base_key=SecretKey.parse(member(value, "secretBaseKey")),
            synchronization_key=SecretKey.parse(member(value, "synchronizationKey")),
            device_index=member(value, "deviceIndex"),
            created_at=member(value, "createdAt"),
            created_by_device=member(value, "createdByDevice"),
            is_backup_device=value.get("isBackupDevice") or False,
            identity_key=SignatureKeyPair.parse_private(identity_key) if identity_key else None,
            name=value.get("name"),
            description=value.get("description"),
            profile_name=value.get("profileName"),
        )
