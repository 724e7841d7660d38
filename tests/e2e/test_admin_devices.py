"""Clients, tiers, identities and deletion processes on the deployed system, as operators see and change them.

Over HTTP, with the rights of the deployed roles, while clients register and log in.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from enmeshed.errors import BackboneError
from infra.local.stack import ADMIN_KEY, CLIENT_ID, CLIENT_SECRET, LocalStack
from tests.e2e.conftest import eventually
from tests.e2e.test_deletion import _delete_identities as delete_identities
from tests.people import Identity
from tests.support.keys import ClientKey

PROCESSES = "/Identities/Self/DeletionProcesses"
QUEUED_FOR_DELETION = "TIR00000000000000001"


class Operator:
    """Somebody with a key."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def ask(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """The result, or the code of the error; the status must be as expected."""
        answer = self.client.request(method, path, json=body)  # .NET clients send `null` with GET, too
        assert answer.status_code == status, answer.text
        if status == 204:
            return None
        return answer.json()["result"] if status < 300 else answer.json()["error"]["code"].rpartition(".")[2]

    def tier(self, name: str) -> Any:
        """A tier of the list."""
        (found,) = [tier for tier in self.ask("GET", "/Tiers") if tier["name"] == name]
        return found


@pytest.fixture
def operator(stack: LocalStack) -> Iterator[Operator]:
    """The key is the local stack's."""
    with httpx.Client(base_url=f"{stack.admin_url}/api/v1", timeout=30, headers={"X-API-KEY": ADMIN_KEY}) as client:
        yield Operator(client)


def test_the_life_of_a_client(stack: LocalStack, operator: Operator) -> None:
    """admin-api.md §5: list, create, change secret, update, delete; devices.md §3"""
    app = "An äpp 1"  # ids are free text
    path = f"/Clients/{quote(app, safe='')}"
    made = operator.ask("POST", "/Clients", {"defaultTier": "Basic", "clientId": app}, status=201)
    assert operator.ask("POST", "/Clients", {"defaultTier": "Basic", "clientId": app}, status=400) == (
        "clientIdAlreadyExists"
    )

    first = Identity.create(stack.base_url, app, made["clientSecret"])
    secret = operator.ask("PATCH", f"{path}/ChangeSecret", {"newSecret": ""})["clientSecret"]
    with pytest.raises(BackboneError):
        Identity.create(stack.base_url, app, made["clientSecret"])
    tier = operator.ask("GET", path)["defaultTier"]
    operator.ask("PUT", path, {"defaultTier": tier, "maxIdentities": 2})
    second = Identity.create(stack.base_url, app, secret)
    with pytest.raises(BackboneError, match="clientReachedIdentitiesLimit"):
        Identity.create(stack.base_url, app, secret)
    (listed,) = [client for client in operator.ask("GET", "/Clients") if client["clientId"] == app]
    assert (listed["numberOfIdentities"], listed["maxIdentities"]) == (2, 2)
    assert listed["defaultTier"] == {"id": tier, "name": "Basic"}
    assert operator.ask("PUT", path, {"defaultTier": tier, "maxIdentities": 1}, status=400) == (
        "maxIdentitiesLessThanCurrentIdentities"
    )

    operator.ask("DELETE", path, status=204)
    assert operator.ask("GET", path, status=404) == "recordNotFound"
    with pytest.raises(BackboneError):
        Identity.create(stack.base_url, app, secret)
    for identity in (first, second):
        assert operator.ask("GET", f"/Identities/{identity.address}")["clientId"] == app


def test_a_limit_set_while_identities_register_holds(stack: LocalStack, operator: Operator) -> None:
    """admin-api.md §5.5; devices.md §3: clientReachedIdentitiesLimit"""
    made = operator.ask("POST", "/Clients", {"defaultTier": "Basic"}, status=201)
    path = f"/Clients/{made['clientId']}"

    def register(_: int) -> bool:
        try:
            Identity.create(stack.base_url, made["clientId"], made["clientSecret"])
        except BackboneError as refusal:
            if "clientReachedIdentitiesLimit" in str(refusal):
                return False
            raise
        return True

    with ThreadPoolExecutor(max_workers=3) as together:
        created = together.map(register, range(8))
        operator.ask("PUT", path, {"defaultTier": made["defaultTier"], "maxIdentities": 6})
        number = sum(created)

    found = operator.ask("GET", path)
    assert found["numberOfIdentities"] == number == 6


def test_the_life_of_a_tier(stack: LocalStack, operator: Operator) -> None:
    """admin-api.md §6, §8.2, §8.3: tiers, a change of tier, an identity registered by an operator"""
    gold = operator.ask("POST", "/Tiers", {"name": "Gold for the few"}, status=201)["id"]
    assert operator.ask("POST", "/Tiers", {"name": "Gold for the few"}, status=400) == "tierNameAlreadyExists"
    assert operator.tier("Queued for Deletion")["id"] == QUEUED_FOR_DELETION
    key = ClientKey.new(dot_net=True)
    body = {
        "clientId": CLIENT_ID,
        "identityPublicKey": key.public_key,
        "devicePassword": "some-device-password",
        "deviceCommunicationLanguage": "en",
        "identityVersion": 1,
        "signedChallenge": key.sign(operator.ask("POST", "/Challenges", status=201)),
    }
    address = operator.ask("POST", "/Identities", body, status=201)["address"]
    path = f"/Identities/{address}"

    operator.ask("PUT", path, {"tierId": gold}, status=204)

    found = operator.ask("GET", path)
    assert (found["tierId"], found["numberOfDevices"], found["quotas"]) == (gold, 1, [])
    assert operator.tier("Gold for the few")["numberOfIdentities"] == 1
    assert operator.ask("DELETE", f"/Tiers/{gold}", status=400) == "usedTierCannotBeDeleted"
    operator.ask("PUT", path, {"tierId": operator.tier("Basic")["id"]}, status=204)
    operator.ask("DELETE", f"/Tiers/{gold}", status=204)
    assert operator.ask("PUT", path, {"tierId": gold}, status=404) == "recordNotFound"
    assert operator.ask("DELETE", f"/Tiers/{operator.tier('Basic')['id']}", status=400) == "usedTierCannotBeDeleted"


def test_deletion_processes_are_seen_to_their_end(stack: LocalStack, operator: Operator) -> None:
    """admin-api.md §9: processes and their log, also after the identity is deleted"""
    identity = Identity.create(stack.base_url, CLIENT_ID, CLIENT_SECRET)
    path = f"/Identities/{identity.address}"
    before = operator.tier("Queued for Deletion")["numberOfIdentities"]
    process = identity.device.connection.post(PROCESSES, json={"lengthOfGracePeriodInDays": 0})

    (listed,) = operator.ask("GET", f"{path}/DeletionProcesses")
    shown = operator.ask("GET", f"{path}/DeletionProcesses/{process['id']}")
    assert (listed["id"], [entry["messageKey"] for entry in shown["auditLog"]]) == (process["id"], ["StartedByOwner"])
    assert operator.tier("Queued for Deletion")["numberOfIdentities"] == before + 1
    assert {quota["max"] for quota in operator.ask("GET", path)["quotas"]} == {0}

    delete_identities(stack)

    eventually("the end", lambda: operator.client.get(path).status_code == 404)
    log = operator.ask("GET", f"{path}/DeletionProcesses/AuditLogs")
    assert (log[0]["oldStatus"], log[-1]["messageKey"], log[-1]["newStatus"]) == ("", "DeletionCompleted", "")
    assert operator.ask("GET", f"{path}/DeletionProcesses", status=404) == "recordNotFound"
