"""Records of other services, put in place for a test.  Their shape is the owner's own code."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from backbone import clock, dynamodb
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.dynamodb import write
from backbone.ids import DeviceId, IdentityDeletionProcessId, RelationshipTemplateId, TierId, random_text
from backbone.quotas import Metric, Period
from backbone.quotas import store as quotas_store
from backbone.readmodels import identities, relationships, tiers
from backbone.readmodels.relationships import table as relationships_table
from functions.announcements import domain as announcements_domain
from functions.announcements.domain import Announcement
from functions.announcements.store import AnnouncementStore
from functions.devices import passwords
from functions.devices.client_store import ClientStore, client_item, client_key, directory_key
from functions.devices.client_store import partition_of as client_partition
from functions.devices.domain import DeviceAndUser, Identity, IdentityStatus, new_device
from functions.devices.identity_counts import all_parts
from functions.devices.items import identity_item, identity_key
from functions.devices.oauth_clients import Client
from functions.devices.store import DeviceStore
from functions.devices.tier_store import partition_of as tier_partition
from functions.devices.tier_store import tier_items
from functions.devices.tiers import Tier
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
    tier_id: TierId = TIER,
    created_at: datetime = LONG_AGO,
) -> Identity:
    """An identity without devices (owner: devices)."""
    identity = Identity(
        address=address,
        public_key=public_key,
        identity_version=1,
        client_id="test",
        tier_id=tier_id,
        status=IdentityStatus(status),
        created_at=created_at,
        deletion_grace_period_ends_at=deletion_grace_period_ends_at,
        backup_device_id=backup_device_id,
    )
    identities.table().put({**identity_key(address), **identity_item(identity)})
    return identity


def process_of(address: Address) -> IdentityDeletionProcessId:
    """The id of the process that deletes an identity: always the same one (owner: devices)."""
    return IdentityDeletionProcessId(f"IDP{address[-17:]}")


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


def given_client(
    client_id: str = "test", secret: str = "test", *, max_identities: int | None = None, default_tier: TierId = TIER
) -> Client:
    """An OAuth client (owner: devices)."""
    client = Client(
        client_id=client_id,
        secret_hash=hash_of(secret),
        display_name=client_id,
        default_tier=default_tier,
        max_identities=max_identities,
        identities=0,
        created_at=LONG_AGO,
    )
    if default_tier == TIER:
        given_tier()
    if ClientStore().get(client_id) is None:
        item = {**(client_key(client_id) or {}), **client_item(client), "identities": 0}
        parts = [{**part, "identities": 0} for part in all_parts(client_partition(client_id))]
        _put(item, directory_key(client_id), *(parts if max_identities is None else []))
        identities.table().update(tiers.key(default_tier), "ADD #clients :one", {"one": 1})
    return client


def given_tier(tier_id: TierId = TIER, name: str = "Basic") -> Tier:
    """A tier (owner: devices)."""
    tier = Tier(tier_id, name)
    if tiers.find(tier_id) is None:
        parts = [{**part, "identities": 0, "queued": 0} for part in all_parts(tier_partition(tier_id))]
        _put(*tier_items(tier, LONG_AGO), *parts)
    return tier


def _put(*items: Mapping[str, Any]) -> None:
    # Transactions of this size take moto a tenth of a second.
    requests = [{"PutRequest": {"Item": dynamodb.encode(item)}} for item in items]
    dynamodb.client().batch_write_item(RequestItems={identities.table().name: requests})


def given_tier_quota(metric: Metric, max: int, period: Period = Period.TOTAL, *, tier_id: str = TIER) -> str:
    """A definition of a tier, the one of `given_identity` unless told otherwise; its id (owner: quotas)."""
    definition_id = f"TQD{random_text(17)}"
    quota = {"id": definition_id, "max": max}
    name = quotas_store.definition_attribute(metric, period)
    quotas_store.table().update(quotas_store.tier_key(tier_id), f"SET #{name} = :quota", {"quota": quota})
    quotas_store.tiers.forget()
    return definition_id


def given_individual_quota(address: Address, metric: Metric, max: int, period: Period = Period.TOTAL) -> str:
    """A quota of one identity; its id (owner: quotas)."""
    quota_id = f"QUO{random_text(17)}"
    name = quotas_store.individual_quota_attribute(period)
    key = quotas_store.metric_key(address, metric)
    quotas_store.table().update(key, f"SET #{name} = :quota", {"quota": {"id": quota_id, "max": max}})
    return quota_id


def usage_of(address: Address, metric: Metric) -> dict[str, int]:
    """What is counted of an identity, by the name of the window; empty if nothing ever was (owner: quotas)."""
    return dict(quotas_store.usage_in(quotas_store.table().get(quotas_store.metric_key(address, metric))))


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
    head, pair = relationship_items.head_item(step.after, step.event), _pair_item(step.after)
    for item in (*entries, head, pair):
        relationships_table().put(item)
    for address in (from_, to):
        number, metric = int(address in step.after.counted_for), Metric.NUMBER_OF_RELATIONSHIPS
        write(quotas_store.counting(address, metric, number, now=clock.now(), created_at=created_at))
    return step.after


def _pair_item(youngest: Relationship) -> dict[str, Any]:
    """The pair of a relationship, which is the only one, or all others of which are not open but are not dissolved."""
    key = relationships.pair_key(youngest.from_, youngest.to)
    before = relationships_table().get(key) or {}
    removal = relationship_items.removal_time(youngest)
    undissolved = before.get("undissolved", 0) + (removal is None)
    return {
        **key,
        **relationship_items.pair_attributes(youngest),
        "undissolved": undissolved,
        "ttl": None if undissolved else removal,
    }


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
