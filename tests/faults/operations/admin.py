"""The Admin API."""

from typing import Any

from tests.faults.operations import operation
from tests.faults.operations.devices import registration
from tests.faults.operations.keeping import token
from tests.faults.world import GOLD, Act, World
from tests.support.builders import TIER, given_client, given_tier
from tests.unit.tokens.scenes import PASSWORD, given_failed_attempts

V1 = "/api/v1"
QUOTA = {"metricKey": "NumberOfTokens", "max": 5, "period": "Day"}
TEXT = {"language": "en", "title": "title", "body": "body"}


def post(world: World, path: str, body: Any) -> Act:
    """POST to the Admin API."""
    return lambda: world.admin.post(f"{V1}/{path}", body)


def delete(world: World, path: str) -> Act:
    """DELETE at the Admin API."""
    return lambda: world.admin.delete(f"{V1}/{path}")


def announcement(*recipients: str) -> dict[str, Any]:
    """A body."""
    return {"severity": "High", "isSilent": False, "texts": [TEXT], "recipients": list(recipients)}


@operation("admin POST /api/v1/Announcements")
def _(world: World) -> Act:
    return post(world, "Announcements", announcement())


@operation("admin POST /api/v1/Announcements, to some")
def _(world: World) -> Act:
    return post(world, "Announcements", announcement(world.alice.address, world.bob.address))


@operation("admin DELETE /api/v1/Announcements/{id}")
def _(world: World) -> Act:
    created = post(world, "Announcements", announcement(world.alice.address))().result["id"]
    return delete(world, f"Announcements/{created}")


@operation("admin POST /api/v1/Challenges")
def _(world: World) -> Act:
    return post(world, "Challenges", {})


@operation("admin POST /api/v1/Clients")
def _(world: World) -> Act:
    return post(world, "Clients", {"clientId": "app", "clientSecret": "secret", "defaultTier": TIER})


@operation("admin POST /api/v1/Clients, with a limit")
def _(world: World) -> Act:
    return post(world, "Clients", {"clientId": "app", "clientSecret": "s", "defaultTier": TIER, "maxIdentities": 3})


@operation("admin POST /api/v1/Clients, without an id")
def _(world: World) -> Act:
    return post(world, "Clients", {"defaultTier": TIER})


def _put_client(world: World, **members: Any) -> Act:
    body = {"defaultTier": TIER, **members}
    return lambda: world.admin.put(f"{V1}/Clients/app", body)


@operation("admin PUT /api/v1/Clients/{id}")
def _(world: World) -> Act:
    given_client("app")
    return _put_client(world, defaultTier=given_tier(GOLD, "Gold").id)


@operation("admin PUT /api/v1/Clients/{id}, a first limit")
def _(world: World) -> Act:
    given_client("app")
    return _put_client(world, maxIdentities=3)


@operation("admin PUT /api/v1/Clients/{id}, no limit any more")
def _(world: World) -> Act:
    given_client("app", max_identities=3)
    return _put_client(world)


@operation("admin PATCH /api/v1/Clients/{id}/ChangeSecret")
def _(world: World) -> Act:
    given_client("app")
    return lambda: world.admin.patch(f"{V1}/Clients/app/ChangeSecret", {"newSecret": "new"})


@operation("admin DELETE /api/v1/Clients/{id}")
def _(world: World) -> Act:
    given_client("app")
    return delete(world, "Clients/app")


@operation("admin POST /api/v1/Identities")
def _(world: World) -> Act:
    return post(world, "Identities", registration(world, client_secret=None))


@operation("admin PUT /api/v1/Identities/{address}")
def _(world: World) -> Act:
    gold, address = given_tier(GOLD, "Gold"), world.alice.address
    return lambda: world.admin.put(f"{V1}/Identities/{address}", {"tierId": gold.id})


@operation("admin POST /api/v1/Identities/{address}/Quotas")
def _(world: World) -> Act:
    return post(world, f"Identities/{world.alice.address}/Quotas", QUOTA)


@operation("admin DELETE /api/v1/Identities/{address}/Quotas/{quota_id}")
def _(world: World) -> Act:
    path = f"Identities/{world.alice.address}/Quotas"
    return delete(world, f"{path}/{post(world, path, QUOTA)().result['id']}")


@operation("admin POST /api/v1/Tiers")
def _(world: World) -> Act:
    return post(world, "Tiers", {"name": "Gold"})


@operation("admin DELETE /api/v1/Tiers/{id}")
def _(world: World) -> Act:
    return delete(world, f"Tiers/{given_tier(GOLD, 'Gold').id}")


@operation("admin POST /api/v1/Tiers/{id}/Quotas")
def _(world: World) -> Act:
    return post(world, f"Tiers/{TIER}/Quotas", QUOTA)


@operation("admin DELETE /api/v1/Tiers/{id}/Quotas/{definition_id}")
def _(world: World) -> Act:
    path = f"Tiers/{TIER}/Quotas"
    return delete(world, f"{path}/{post(world, path, QUOTA)().result['id']}")


@operation("admin PATCH /api/v1/Tokens/{id}/ResetAccessFailedCount")
def _(world: World) -> Act:
    locked = token(world, world.alice, password=PASSWORD)
    given_failed_attempts(locked, 100)
    return lambda: world.admin.patch(f"{V1}/Tokens/{locked}/ResetAccessFailedCount")
