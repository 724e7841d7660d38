"""Records of other services, put in place for a test.  Their shape is the owner's own code."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from backbone import clock
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.ids import DeviceId, RelationshipTemplateId, TierId
from backbone.readmodels import identities
from backbone.readmodels.relationships import table as relationships_table
from functions.announcements import domain as announcements_domain
from functions.announcements.domain import Announcement
from functions.announcements.store import AnnouncementStore
from functions.devices import passwords
from functions.devices.client_store import ClientStore
from functions.devices.domain import DeviceAndUser, Identity, IdentityStatus, new_device
from functions.devices.items import identity_item, identity_key
from functions.devices.oauth_clients import Client
from functions.devices.store import DeviceStore
from functions.relationships import domain as relationships_domain
from functions.relationships import items as relationship_items
from functions.relationships.domain import Action
from functions.relationships.relationship import Relationship

LONG_AGO = datetime(2024, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
TIER = TierId("TIRbasic000000000000")
PASSWORD = "Passw0rd!?"

hash_of = lru_cache(passwords.hash_secret)
"""Hashing takes its time; tests hash the same few passwords again and again."""


def given_identity(
    address: Address,
    status: str = "Active",
    *,
    public_key: bytes = b"{}",
    deletion_grace_period_ends_at: datetime | None = None,
    backup_device_id: DeviceId | None = None,
) -> Identity:
    """An identity without devices (owner: devices)."""
    identity = Identity(
        address=address,
        public_key=public_key,
        identity_version=1,
        client_id="test",
        tier_id=TIER,
        status=IdentityStatus(status),
        created_at=LONG_AGO,
        deletion_grace_period_ends_at=deletion_grace_period_ends_at,
        backup_device_id=backup_device_id,
    )
    identities.table().put({**identity_key(address), **identity_item(identity)})
    return identity


def given_device(
    identity: Identity,
    *,
    password: str = PASSWORD,
    communication_language: str = "en",
    is_backup_device: bool = False,
    created_at: datetime = LONG_AGO,
) -> DeviceAndUser:
    """A device of an identity, with its user (owner: devices)."""
    new = new_device(
        identity,
        caller=None,
        password_hash=hash_of(password),
        communication_language=communication_language,
        is_backup_device=is_backup_device,
        now=created_at,
    )
    DeviceStore().add_device(identity, new)
    return new


def given_client(client_id: str = "test", secret: str = "test", *, max_identities: int | None = None) -> Client:
    """An OAuth client (owner: devices)."""
    client = Client(
        client_id=client_id,
        secret_hash=hash_of(secret),
        display_name=client_id,
        default_tier=TIER,
        max_identities=max_identities,
        identities=0,
        created_at=LONG_AGO,
    )
    ClientStore().add(client)
    return client


_WAYS_TO_STATUS: dict[str, list[tuple[str, Action]]] = {
    "Pending": [],
    "Active": [("to", Action.ACCEPT)],
    "Rejected": [("to", Action.REJECT)],
    "Revoked": [("from", Action.REVOKE)],
    "Terminated": [("to", Action.ACCEPT), ("from", Action.TERMINATE)],
    "DeletionProposed": [("to", Action.REJECT), ("from", Action.DECOMPOSE)],
    "ReadyForDeletion": [("to", Action.REJECT), ("from", Action.DECOMPOSE), ("to", Action.DECOMPOSE)],
}


def given_relationship(
    from_: Address, to: Address, status: str = "Active", *, created_at: datetime | None = None
) -> Relationship:
    """The youngest relationship of two identities, come to its status in the shortest way (owner: relationships)."""
    callers = {"from": Caller(from_, DeviceId.new(), "test"), "to": Caller(to, DeviceId.new(), "test")}
    template_id = RelationshipTemplateId.new()
    created_at = created_at or clock.now()
    step = relationships_domain.create(
        template_id=template_id, template_creator=to, caller=callers["from"], now=created_at
    )
    entries = [relationship_items.entry_item(step.after, b"content")]
    for role, action in _WAYS_TO_STATUS[status]:
        step = relationships_domain.act(step.after, action, callers[role], now=created_at)
        entries.append(relationship_items.entry_item(step.after, None))
    head, pair = relationship_items.head_item(step.after, step.event), relationship_items.pair_item(step.after)
    for item in (*entries, head, pair):
        relationships_table().put(item)
    return step.after


def given_announcement(*recipients: Address, created_at: datetime = LONG_AGO, **changed: Any) -> Announcement:
    """An announcement, for everybody unless recipients are named (owner: announcements)."""
    announcement = announcements_domain.announce(
        severity=changed.pop("severity", announcements_domain.Severity.LOW),
        is_silent=changed.pop("is_silent", False),
        texts=changed.pop("texts", [("en", announcements_domain.Text("A title", "A body"))]),
        recipients=recipients,
        now=created_at,
        **changed,
    )
    AnnouncementStore().add(announcement)
    return announcement
