"""Quotas on the deployed system: over HTTP, with the roles and the events as they are.

Operators set them through the Admin API; clients meet them, many requests at once; what is deleted makes room again.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from backbone.dynamodb import encode
from enmeshed import Connection
from enmeshed.http import Response
from enmeshed.protocol.encoding import iso, utc_now
from infra.local.stack import ADMIN_KEY, LocalStack
from tests.e2e.conftest import eventually, relate
from tests.people import Identity
from tests.unit.files.uploads import encoded, form

NewIdentity = Callable[[], Identity]
END_OF_TIME = "9999-12-31T23:59:59.9999999"
EXHAUSTED = "error.platform.quotaExhausted"
PARALLEL = 6
"""Each takes a worker of the emulator; fifty at once: tests/unit/quotas/test_races.py."""
PROCESSES = "/Identities/Self/DeletionProcesses"


@pytest.fixture
def operator(stack: LocalStack) -> Iterator[httpx.Client]:
    """Somebody with a key."""
    with httpx.Client(base_url=f"{stack.admin_url}/api/v1", timeout=30, headers={"X-API-KEY": ADMIN_KEY}) as client:
        yield client


def grant(operator: httpx.Client, identity: Identity, metric: str, maximum: int, period: str = "Total") -> str:
    """Give an identity a quota of its own; the quota's id."""
    body = {"metricKey": metric, "max": maximum, "period": period}
    answer = operator.post(f"/Identities/{identity.address}/Quotas", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["result"]["id"])


def quotas_of(identity: Identity) -> dict[str, list[tuple[str, int, int, str]]]:
    """GET Quotas: source, max, usage and period, by metric."""
    return {
        group["metricKey"]: [(each["source"], each["max"], each["usage"], each["period"]) for each in group["quotas"]]
        for group in identity.device.connection.get("/Quotas")
    }


def in_five_minutes() -> str:
    return iso(utc_now().replace(microsecond=0, year=utc_now().year + 1))


def create_token(api: Connection) -> Response:
    return api.request("POST", "/Tokens", json={"content": "AQID", "expiresAt": in_five_minutes()})


def create_template(api: Connection) -> Response:
    return api.request("POST", "/RelationshipTemplates", json={"content": "AQID"})


def upload(api: Connection) -> Response:
    body, content_type = encoded(form(b"content"))
    return api.request("POST", "/Files", content=body, headers={"content-type": content_type})


def exhausted(answer: Response) -> list[Any]:
    """What a refusal says is used up."""
    assert (answer.status, answer.error_code) == (429, EXHAUSTED), answer.body
    return [(each["metricKey"], each["isExhaustedUntil"]) for each in answer.body["error"]["data"]]


def test_as_many_get_through_as_the_quota_says_and_deleting_makes_room(
    operator: httpx.Client, new_identity: NewIdentity
) -> None:
    """Issue: 50 parallel requests against a quota of 10 let exactly 10 through (here: fewer, over HTTP)"""
    alice = new_identity()
    api = alice.device.connection
    grant(operator, alice, "NumberOfTokens", 3)
    api.get("/Quotas")  # logged in

    with ThreadPoolExecutor(PARALLEL) as threads:
        answers = list(threads.map(lambda _: create_token(api), range(PARALLEL)))

    assert Counter(answer.status for answer in answers) == {201: 3, 429: PARALLEL - 3}
    assert quotas_of(alice) == {"NumberOfTokens": [("Individual", 3, 3, "Total")]}
    assert exhausted(create_token(api)) == [("NumberOfTokens", END_OF_TIME)]
    created = next(answer.result["id"] for answer in answers if answer.status == 201)
    api.delete(f"/Tokens/{created}")
    eventually("the room", lambda: quotas_of(alice)["NumberOfTokens"][0][2] == 2)
    assert [create_token(api).status for _ in range(2)] == [201, 429]


def test_whatever_is_counted_is_seen_in_the_list(operator: httpx.Client, new_identity: NewIdentity) -> None:
    """quotas.md §6.1: counted live for the quota's current period"""
    alice, bob = new_identity(), new_identity()
    metrics = [each["key"] for each in operator.get("/Metrics").json()["result"]]
    for metric in metrics:
        grant(operator, alice, metric, 100, "Year")
    relate(alice, bob)
    alice.device.messages.send([bob.address], {"text": "hello"})
    alice.add_device()
    api = alice.device.connection
    uploaded = upload(api).result["id"]
    before = {metric: quotas[0][2] for metric, quotas in quotas_of(alice).items()}

    assert (before["NumberOfSentMessages"], before["NumberOfRelationships"], before["NumberOfFiles"]) == (1, 1, 1)
    assert before["NumberOfRelationshipTemplates"] == 1
    assert before["NumberOfCreatedDevices"] == 2
    assert before["NumberOfCreatedDatawalletModifications"] > 0
    assert before["NumberOfCreatedChallenges"] > 0
    assert before["NumberOfStartedDeletionProcesses"] == 0

    api.delete(f"/Files/{uploaded}")
    eventually("the file's end", lambda: quotas_of(alice)["NumberOfFiles"][0][2] == 0)


def test_what_housekeeping_removes_no_longer_counts(
    stack: LocalStack, operator: httpx.Client, new_identity: NewIdentity
) -> None:
    """quotas.md §2: Counting uses … what physically exists.  TTL's removals look like any other on the stream."""
    alice = new_identity()
    for metric in ("NumberOfRelationshipTemplates", "NumberOfTokens", "NumberOfCreatedChallenges"):
        grant(operator, alice, metric, 100)
    api, tables = alice.device.connection, stack.environment()
    removed = {
        "RELATIONSHIPS": {"pk": create_template(api).result["id"], "sk": "T"},
        "TOKENS": {"pk": create_token(api).result["id"], "sk": "T"},
        "CHALLENGES": {"pk": api.post("/Challenges")["id"]},
    }
    before = quotas_of(alice)
    for service, key in removed.items():
        stack.client("dynamodb").delete_item(TableName=tables[f"BACKBONE_{service}_TABLE"], Key=encode(key))

    def is_uncounted() -> bool:
        return all(after[0][2] == before[metric][0][2] - 1 for metric, after in quotas_of(alice).items())

    eventually("the end of all", is_uncounted)


def test_an_identity_that_is_going_to_be_deleted_creates_nothing_until_it_changes_its_mind(
    new_identity: NewIdentity,
) -> None:
    """quotas.md, Checklist: starting a deletion process -> POST Messages/Files/Tokens/Templates/Relationships -> 429
    with year 9999; datawallet push still works; cancelling restores"""
    alice, bob = new_identity(), new_identity()
    relate(alice, bob)
    template = bob.device.templates.create({})
    api = alice.device.connection
    process = api.post(PROCESSES, json={"lengthOfGracePeriodInDays": 7})

    message = {"body": "AQID", "recipients": [{"address": bob.address, "encryptedKey": "A" * 40}]}
    unknown = "REL00000000000000000"
    relationship = {"relationshipTemplateId": template.id, "creationContent": "AQID"}
    assert exhausted(create_token(api)) == [("NumberOfTokens", END_OF_TIME)]
    assert exhausted(create_template(api)) == [("NumberOfRelationshipTemplates", END_OF_TIME)]
    assert exhausted(api.request("POST", "/Messages", json=message))[0] == ("NumberOfSentMessages", END_OF_TIME)
    for answer in (
        api.request("POST", "/Relationships", json=relationship),
        api.request("PUT", f"/Relationships/{unknown}/Accept", json={}),
    ):
        assert exhausted(answer) == [("NumberOfRelationships", END_OF_TIME)]
    assert exhausted(upload(api)) == [("NumberOfFiles", END_OF_TIME), ("UsedFileStorageSpace", END_OF_TIME)]
    items = list(api.items("/Datawallet/Modifications"))
    modification = {"objectIdentifier": "o", "collection": "c", "type": "Create", "datawalletVersion": 1}
    pushed = {"localIndex": items[-1]["index"], "modifications": [modification]}
    assert api.request("POST", "/Datawallet/Modifications", json=pushed).status == 201
    assert api.request("POST", "/Challenges").status == 201
    assert len(quotas_of(alice)) == 8

    api.put(f"{PROCESSES}/{process['id']}/Cancel")

    assert create_token(api).status == 201
    assert upload(api).status == 201
    assert alice.device.messages.send([bob.address], {"text": "still here"})


def test_a_tier_limits_who_is_in_it(operator: httpx.Client, new_identity: NewIdentity) -> None:
    """admin-api.md §19: an individual quota wins over the tier quota of the same metric in the Consumer API"""
    alice = new_identity()
    tier = operator.post("/Tiers", json={"name": f"Small {alice.address[-6:]}"}).json()["result"]["id"]
    body = {"metricKey": "NumberOfTokens", "max": 1, "period": "Day"}
    definition = operator.post(f"/Tiers/{tier}/Quotas", json=body).json()["result"]["id"]
    assert operator.put(f"/Identities/{alice.address}", json={"tierId": tier}).status_code == 204
    api = alice.device.connection
    today = utc_now().date().isoformat()

    assert create_token(api).status == 201
    assert exhausted(create_token(api))[0] in [("NumberOfTokens", f"{today}T23:59:59.999Z")]

    quota = grant(operator, alice, "NumberOfTokens", 2)
    assert create_token(api).status == 201
    assert create_token(api).status == 429
    shown = operator.get(f"/Identities/{alice.address}").json()["result"]["quotas"]
    assert [(each["source"], each["usage"], each["max"]) for each in shown] == [("Individual", 2, 2), ("Tier", 2, 1)]
    assert operator.delete(f"/Identities/{alice.address}/Quotas/{quota}").status_code == 204
    assert operator.delete(f"/Tiers/{tier}/Quotas/{definition}").status_code == 204
    eventually("the end of the limit", lambda: create_token(api).status == 201)
