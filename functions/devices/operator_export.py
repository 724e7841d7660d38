"""What Devices contribute to `backbone database export`.  Contract: admin-api.md, section 13.1."""

from backbone.dynamodb import Item
from cli.staging import Records, Source
from functions.devices.client_store import client_of

_DEVICES = """
SELECT private(device.id) AS DeviceId, user.lastLogInAt AS LastLoginAt, private(device.address) AS IdentityAddress,
       device.createdAt AS CreatedAt, tier.name AS Tier, identity.status AS IdentityStatus,
       identity.gracePeriodEndsAt AS IdentityDeletionGracePeriodEndsAt, identity.clientId AS ClientId,
       client.name AS ClientName, registration.platform AS Platform
FROM devices device
LEFT JOIN identities identity ON identity.address = device.address
LEFT JOIN clients client ON client.id = identity.clientId
LEFT JOIN tiers tier ON tier.id = identity.tierId
LEFT JOIN users user ON user.deviceId = device.id
LEFT JOIN registrations registration ON registration.deviceId = device.id
ORDER BY device.createdAt, device.id
"""

_PEOPLE = """
SELECT identity.address AS address, identity.clientId AS clientId, client.name AS clientName
FROM identities identity LEFT JOIN clients client ON client.id = identity.clientId
"""
"""Who is behind an address, for the files of all services."""

_AUDIT_LOG = """
SELECT oldStatus AS OldStatus, newStatus AS NewStatus, private(addressHash) AS IdentityAddressHash,
       messageKey AS MessageKey, createdAt AS CreatedAt
FROM deletionAuditLog
ORDER BY createdAt
"""


def _records(item: Item) -> Records:
    kind = (item["pk"].partition("#")[0], item["sk"].partition("#")[0])
    match kind:
        case ("ID", "I"):
            ends_at = item.get("deletionGracePeriodEndsAt")
            yield "identities", (item["address"], item["clientId"], item["tierId"], item["status"], ends_at)
        case ("ID", "D"):
            yield "devices", (item["deviceId"], item["address"], item["createdAt"])
        case ("USER", "U"):
            yield "users", (item["deviceId"], item.get("lastLogInAt"))
        case ("TIERS", _):
            yield "tiers", (item["sk"], item["name"])
        case ("CLIENT", "C"):
            if client := client_of(item):
                yield "clients", (client.client_id, client.display_name)
        case ("AUDIT", _):
            statuses = (item.get("oldStatus"), item.get("newStatus"))
            hashed = item["pk"].removeprefix("AUDIT#")
            yield "deletionAuditLog", (*statuses, hashed, item["messageKey"], item["createdAt"])


SOURCE = Source(
    table="devices_table",
    stages={
        "identities": ("address", "clientId", "tierId", "status", "gracePeriodEndsAt"),
        "devices": ("id", "address", "createdAt"),
        "users": ("deviceId", "lastLogInAt"),
        "tiers": ("id", "name"),
        "clients": ("id", "name"),
        "deletionAuditLog": ("oldStatus", "newStatus", "addressHash", "messageKey", "createdAt"),
    },
    views={"people": _PEOPLE},
    records=_records,
    files={"devices.csv": _DEVICES, "deletionAuditLogItems.csv": _AUDIT_LOG},
)
