"""The overview of identities on the deployed system, with an OData client and with the queries of the Admin UI."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import requests
from odata import ODataService
from odata.exceptions import ODataError

from infra.local.stack import ADMIN_KEY, CLIENT_ID, LocalStack
from tests.e2e.conftest import eventually
from tests.e2e.test_deletion import _delete_identities, _start
from tests.people import Identity

NewIdentity = Callable[[], Identity]
IDENTITIES = "/odata/Identities"
UNESCAPED = "'(),/"
"""What clients leave as it is in a filter."""
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def operator(stack: LocalStack) -> httpx.Client:
    """Somebody with the key."""
    return httpx.Client(base_url=stack.admin_url, timeout=30, headers={"X-API-KEY": ADMIN_KEY})


@pytest.fixture
def service(stack: LocalStack) -> Any:
    """An OData client that has read the metadata."""
    session = requests.Session()
    session.headers["X-API-KEY"] = ADMIN_KEY
    return ODataService(f"{stack.admin_url}/odata/", session=session, reflect_entities=True, quiet_progress=True)


def line_of(operator: httpx.Client, identity: Identity, **expected: Any) -> dict[str, Any]:
    """What the overview shows of an identity, once it shows what is expected."""

    def ask() -> dict[str, Any] | None:
        query = {"$filter": f"contains(address,'{identity.address}')", "$expand": "Tier", "$orderBy": "address asc"}
        answer = operator.get(IDENTITIES, params=query)
        assert answer.status_code == 200, answer.text
        lines: list[dict[str, Any]] = answer.json()["value"]
        return next((line for line in lines if expected.items() <= line.items()), None)

    return eventually(f"the identity with {expected}", ask)


def test_an_odata_client_understands_the_service(
    service: Any, operator: httpx.Client, new_identity: NewIdentity
) -> None:
    """admin-api.md §19: `POST /Identities` with signature → 201; new address in `GET /odata/Identities`"""
    identities = [new_identity() for _ in range(2)]
    lines = [line_of(operator, identity, datawalletVersion=1) for identity in identities]
    entity = service.entities["Identities"]
    mine = (entity.address == identities[0].address) | (entity.address == identities[1].address)

    found = list(service.query(entity).filter(mine).order_by(entity.createdAt.desc()))
    assert [(each.address, each.numberOfDevices) for each in found] == [(line["address"], 1) for line in lines[::-1]]
    assert found[0].createdAt.isoformat(timespec="milliseconds") == lines[1]["createdAt"].replace("Z", "+00:00")
    assert all(each.lastLoginAt > each.createdAt for each in found)

    recent = service.query(entity).filter(mine).filter(entity.createdAt > LONG_AGO).filter(entity.numberOfDevices >= 1)
    assert recent.count() == 2
    (second,) = recent.order_by(entity.address.asc()).limit(1).offset(1)
    assert second.address == max(identity.address for identity in identities)
    assert service.query(entity).filter(mine).expand(entity.tier).first().tier.name == "Basic"
    assert set(service.query(entity).select(entity.address).first()) == {"address"}
    with pytest.raises(ODataError, match="100"):
        service.query(entity).limit(101).all()


def test_the_sdk_gets_all_identities(operator: httpx.Client, new_identity: NewIdentity) -> None:
    """admin-api.md §10: The C# SDK and the reference tests call `GET /odata/Identities` with no options"""
    identity = new_identity()
    line_of(operator, identity)

    answer = operator.request("GET", IDENTITIES, content=b"null", headers={"Content-Type": "application/json"})

    assert answer.status_code == 200
    assert answer.headers["content-type"].replace(" ", "") == (
        "application/json;odata.metadata=minimal;odata.streaming=true;charset=utf-8"
    )
    (line,) = [line for line in answer.json()["value"] if line["address"] == identity.address]
    assert {"address", "createdAt", "identityVersion"} <= line.keys()
    assert "tier" not in line
    assert int(operator.get(f"{IDENTITIES}/$count").text) >= len(answer.json()["value"])


FIELDS = (
    "address",
    "createdWithClient",
    "numberOfDevices",
    "createdAt",
    "lastLoginAt",
    "datawalletVersion",
    "identityVersion",
)
CLAUSES = (
    "contains(address,'{address}')",
    "(tier/Id eq '{tier}' or tier/Id eq 'TIR00000000000000001')",
    "(createdWithClient eq '{client}' or createdWithClient eq 'other')",
    "numberOfDevices ge 1",
    "datawalletVersion eq 1",
    "identityVersion ne 9",
    "createdAt ge 2024-01-01",
    "lastLoginAt gt 2024-01-01",
)


def test_every_query_of_the_admin_ui_is_answered(operator: httpx.Client, new_identity: NewIdentity) -> None:
    """admin-api.md §10: What the Admin UI sends (always `$top`, `$skip`, `$count=true`, `$orderBy`, `$expand=Tier`)"""
    identity = new_identity()
    line = line_of(operator, identity, datawalletVersion=1)
    values = {"address": identity.address[-12:], "tier": line["tier"]["id"], "client": CLIENT_ID}
    everything = " and ".join(clause.format(**values) for clause in CLAUSES)
    filters = ("", *(clause.format(**values) for clause in CLAUSES), everything)
    orders = [f"{field} {direction}" for field in FIELDS for direction in ("asc", "desc")]
    for number, (order, text) in enumerate((order, text) for order in orders for text in filters):
        if text not in ("", everything) and number % 5:
            continue
        query = f"$top=25&$skip=0&$count=true&$orderBy={quote(order)}&$expand=Tier"
        filtered = f"&$filter={quote(text, safe=UNESCAPED)}" if text else ""
        answer = operator.get(f"{IDENTITIES}?{query}{filtered}")

        assert answer.status_code == 200, (order, text, answer.text)
        body = answer.json()
        assert isinstance(body["@odata.count"], int)
        assert all(shown["createdWithClient"] and shown["tier"]["name"] for shown in body["value"])
        if text == everything:
            assert (body["@odata.count"], [shown["address"] for shown in body["value"]]) == (1, [identity.address])


def test_the_overview_follows_an_identity(stack: LocalStack, operator: httpx.Client, new_identity: NewIdentity) -> None:
    """admin-api.md §10: `lastLoginAt`, `datawalletVersion`, `numberOfDevices`, `tier`"""
    identity = new_identity()
    before = line_of(operator, identity, numberOfDevices=1, datawalletVersion=1)

    second = identity.add_device()
    after = line_of(operator, identity, numberOfDevices=2)
    assert after["lastLoginAt"] >= before["lastLoginAt"]
    second.connection.get("/Identities/Self")

    _start(identity, days=1)
    queued = line_of(operator, identity, tier={"id": "TIR00000000000000001", "name": "Queued for Deletion"})
    assert queued["numberOfDevices"] == 2


def test_a_deleted_identity_leaves_the_overview(
    stack: LocalStack, operator: httpx.Client, new_identity: NewIdentity
) -> None:
    identity = new_identity()
    line_of(operator, identity)

    _start(identity)
    _delete_identities(stack)

    url = f"{IDENTITIES}/$count?$filter={quote(f'contains(address,{chr(39)}{identity.address}{chr(39)})')}"
    eventually("the end of the line", lambda: operator.get(url).text == "0")
