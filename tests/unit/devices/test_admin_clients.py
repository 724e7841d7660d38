"""OAuth clients over the Admin API.  Contract: admin-api.md, sections 3, 5 and 19 (Clients)."""

import re
from datetime import timedelta
from typing import Any

import pytest

from backbone.readmodels import tiers
from functions.devices import passwords
from functions.devices.client_store import ClientStore
from tests.support.api import Answer, InProcessApi
from tests.support.builders import TIER, given_client, given_identity, given_tier
from tests.support.keys import ClientKey
from tests.unit.devices.deletions import everything
from tests.unit.devices.journeys import caller_of, let_time_pass, log_in, outcome, register

CLIENTS = "/api/v1/Clients"
INPUT_CANNOT_BE_PARSED = (400, "error.platform.inputCannotBeParsed")
INVALID_PROPERTY_VALUE = (400, "error.platform.validation.invalidPropertyValue")
NOT_FOUND = (404, "error.platform.recordNotFound")
TIER_NOT_FOUND = (400, "error.platform.recordNotFound")
ID_EXISTS = (400, "error.platform.validation.device.clientIdAlreadyExists")
INVALID_TIER = (400, "error.platform.validation.device.tierIdInvalidOrDoesNotExist")
TOO_FEW = (400, "error.platform.validation.device.maxIdentitiesLessThanCurrentIdentities")
LIMIT_REACHED = (400, "error.platform.validation.device.clientReachedIdentitiesLimit")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
pytestmark = pytest.mark.slow
clients = ClientStore()


@pytest.fixture(autouse=True)
def _tier(admin: InProcessApi) -> None:
    given_tier()


def create(admin: InProcessApi, **body: Any) -> Answer:
    """POST /Clients."""
    return admin.post(CLIENTS, {"defaultTier": "Basic", **body})


def update(admin: InProcessApi, client_id: str, **body: Any) -> Answer:
    """PUT /Clients/{id}."""
    return admin.put(f"{CLIENTS}/{client_id}", {"defaultTier": TIER, **body})


# The list and one client ----------------------------------------------------------------------------------------------


def test_clients_are_listed_with_their_tiers(admin: InProcessApi) -> None:
    """admin-api.md §19: `GET /Clients` -> 200 array, `defaultTier` object, no `pagination`"""
    created = create(admin, clientId="one", displayName="The one", maxIdentities=7).result
    create(admin, clientId="another")

    answer = admin.get(CLIENTS)

    assert (answer.status, set(answer.json)) == (200, {"result"})
    another, one = answer.result
    assert one == {
        "clientId": "one",
        "displayName": "The one",
        "defaultTier": {"id": TIER, "name": "Basic"},
        "createdAt": created["createdAt"],
        "maxIdentities": 7,
        "numberOfIdentities": 0,
    }
    assert (another["clientId"], another["displayName"], another["maxIdentities"]) == ("another", "another", None)


def test_no_clients_are_an_empty_list(admin: InProcessApi) -> None:
    """admin-api.md §5: 200 array, unpaged, no defined order"""
    assert admin.get(CLIENTS).json == {"result": []}


def test_one_client_has_its_tier_as_an_id(admin: InProcessApi) -> None:
    """admin-api.md §5.2: `defaultTier` **string id**, `createdAt`, `numberOfIdentities` int, `maxIdentities`"""
    created = create(admin, clientId="one").result

    assert admin.get(f"{CLIENTS}/one").result == {
        "clientId": "one",
        "displayName": "one",
        "defaultTier": TIER,
        "createdAt": created["createdAt"],
        "numberOfIdentities": 0,
        "maxIdentities": None,
    }


@pytest.mark.parametrize("client_id", ["nobody", "CLTaaaaaaaaaaaaaaaaa", "x" * 101, "x" * 3000, "%20", "C"])
def test_an_unknown_client_is_not_found(admin: InProcessApi, client_id: str) -> None:
    """admin-api.md §5.2: Unknown → 404 `error.platform.recordNotFound`"""
    assert admin.get(f"{CLIENTS}/{client_id}").error == NOT_FOUND


@pytest.mark.parametrize("limit", [None, 5])
def test_identities_are_counted_with_and_without_a_limit(
    admin: InProcessApi, api: InProcessApi, limit: int | None
) -> None:
    """admin-api.md §5.1: `numberOfIdentities` int"""
    create(admin, clientId="one", clientSecret="secret", maxIdentities=limit)
    for _ in range(3):
        assert register(api, ClientKey.new(), clientId="one", clientSecret="secret").status == 201

    assert admin.get(f"{CLIENTS}/one").result["numberOfIdentities"] == 3
    assert [client["numberOfIdentities"] for client in admin.get(CLIENTS).result] == [3]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", CLIENTS),
        ("POST", CLIENTS),
        ("GET", f"{CLIENTS}/test"),
        ("PUT", f"{CLIENTS}/test"),
        ("DELETE", f"{CLIENTS}/test"),
        ("PATCH", f"{CLIENTS}/test/ChangeSecret"),
    ],
)
def test_without_the_key_nothing_is_told_or_changed(admin: InProcessApi, method: str, path: str) -> None:
    """admin-api.md §19: any endpoint without `X-API-KEY` → 401, empty body"""
    given_client()
    before = everything()

    answer = admin.request(method, path, json_body={}, headers={"x-api-key": ""})

    assert (answer.status, answer.body) == (401, "")
    assert everything() == before


# Creation -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nothing", [{}, {"clientId": None}, {"clientId": "", "displayName": "", "clientSecret": ""}])
def test_whatever_is_not_given_is_made_up(admin: InProcessApi, nothing: dict[str, Any]) -> None:
    """admin-api.md §19: `POST /Clients` with only `defaultTier` = "Basic" → 201, id `CLT…`, 30-character secret,
    displayName = id"""
    answer = create(admin, **nothing)

    assert answer.status == 201
    assert set(answer.result) == {
        "clientId",
        "displayName",
        "clientSecret",
        "defaultTier",
        "createdAt",
        "maxIdentities",
    }
    assert re.fullmatch("CLT[A-Za-z0-9]{17}", answer.result["clientId"])
    assert re.fullmatch("[A-Za-z0-9]{30}", answer.result["clientSecret"])
    assert answer.result["displayName"] == answer.result["clientId"]
    assert (answer.result["defaultTier"], answer.result["maxIdentities"]) == (TIER, None)
    assert TIMESTAMP.fullmatch(answer.result["createdAt"])


def test_a_new_client_may_register_and_log_in_with_the_secret_it_was_given(
    admin: InProcessApi, api: InProcessApi
) -> None:
    """admin-api.md §5.3: Stored: secret hashed; the client may use the token endpoint with the resource-owner password
    grant"""
    made = create(admin).result
    client = {"clientId": made["clientId"], "clientSecret": made["clientSecret"]}

    created = register(api, ClientKey.new(), **client)

    assert created.status == 201
    username = created.result["device"]["username"]
    form = {"client_id": made["clientId"], "client_secret": made["clientSecret"]}
    assert log_in(api, username, **form).status == 200
    assert made["clientSecret"] not in repr(everything())


def test_everything_may_be_chosen(admin: InProcessApi) -> None:
    """admin-api.md §5.3: Response 201 `result`: … `clientSecret` (clear text, only time it is shown)"""
    body = {"clientId": "Äpp/1 #2", "displayName": "An app", "clientSecret": "geheim", "maxIdentities": -1}

    result = create(admin, **body).result

    assert {name: result[name] for name in body} == body
    client = clients.get("Äpp/1 #2")
    assert client is not None
    assert passwords.matches("geheim", client.secret_hash)


def test_an_id_is_given_once(admin: InProcessApi) -> None:
    """admin-api.md §19: `POST /Clients` duplicate id → 400 `error.platform.validation.device.clientIdAlreadyExists`"""
    create(admin, clientId="one", displayName="The first")
    before = everything()

    assert create(admin, clientId="one").error == ID_EXISTS
    assert create(admin, clientId="one", defaultTier="Unknown").error == ID_EXISTS
    assert create(admin, clientId="One").status == 201
    assert [item for item in before if item not in everything() and item["pk"] != "TIERS"] == []


def test_a_client_needs_a_tier_that_exists(admin: InProcessApi) -> None:
    """admin-api.md §19: `POST /Clients` unknown tier → 400 `error.platform.recordNotFound`"""
    before = everything()

    for unknown in ("Gold", "basic", "ab", "x" * 31, "TIRunknown0000000000", "TIR!", "C", " "):
        expected = INVALID_PROPERTY_VALUE if not unknown.strip() else TIER_NOT_FOUND
        assert create(admin, defaultTier=unknown).error == expected
    assert everything() == before


def test_the_tier_is_searched_by_name_first_and_then_by_id(admin: InProcessApi) -> None:
    """admin-api.md §5.3: the tier is searched by name first (if 3–30 characters), then by id"""
    other = admin.post("/api/v1/Tiers", {"name": TIER}).result["id"]

    assert create(admin, defaultTier=TIER).result["defaultTier"] == other
    assert create(admin, defaultTier=other).result["defaultTier"] == other
    assert create(admin, defaultTier="Basic").result["defaultTier"] == TIER


def test_even_the_tier_for_deletion_may_be_a_default(admin: InProcessApi) -> None:
    """admin-api.md §5.3: The flag `canBeUsedAsDefaultForClient` is **not** checked."""
    assert create(admin, defaultTier="Queued for Deletion").result["defaultTier"] == "TIR00000000000000001"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"defaultTier": ""}, INVALID_PROPERTY_VALUE),
        ({"defaultTier": "Basic", "clientId": "x" * 101}, INVALID_PROPERTY_VALUE),
        ({}, INPUT_CANNOT_BE_PARSED),
        ({"defaultTier": None}, INPUT_CANNOT_BE_PARSED),
        ({"defaultTier": 1}, INPUT_CANNOT_BE_PARSED),
        ({"defaultTier": "Basic", "clientId": 1}, INPUT_CANNOT_BE_PARSED),
        ({"defaultTier": "Basic", "maxIdentities": "many"}, INPUT_CANNOT_BE_PARSED),
        ({"defaultTier": "Basic", "maxIdentities": 2**31}, INPUT_CANNOT_BE_PARSED),
        ({"defaultTier": "Basic", "maxIdentities": 1.5}, INPUT_CANNOT_BE_PARSED),
    ],
)
def test_what_a_client_cannot_be_is_refused(admin: InProcessApi, body: dict[str, Any], error: tuple[int, str]) -> None:
    """admin-api.md §5.3: `defaultTier` empty → 400 invalidPropertyValue; §3.3: missing required property, wrong type
    400 inputCannotBeParsed"""
    before = everything()

    assert admin.post(CLIENTS, body).error == error
    assert everything() == before


def test_malformed_json_cannot_be_parsed(admin: InProcessApi) -> None:
    """admin-api.md §19: malformed JSON → 400 `error.platform.inputCannotBeParsed`"""
    answer = admin.request("POST", CLIENTS, body=b"{", headers={"content-type": "application/json"})

    assert answer.error == INPUT_CANNOT_BE_PARSED


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_has_no_lower_bound(admin: InProcessApi, api: InProcessApi, limit: int) -> None:
    """admin-api.md §5.3: no lower bound checked; devices.md §3: 0 forbids all"""
    create(admin, clientId="none", clientSecret="s", maxIdentities=limit)

    assert register(api, ClientKey.new(), clientId="none", clientSecret="s").error == LIMIT_REACHED


def test_the_first_client_of_a_new_backbone_finds_the_tiers_it_must_have(admin: InProcessApi) -> None:
    """admin-api.md §4: Tier named `Basic` … Both … are created … if missing"""
    for item in everything():
        tiers.table().delete({"pk": item["pk"], "sk": item["sk"]})

    assert create(admin).status == 201
    assert {tier["name"] for tier in admin.get("/api/v1/Tiers").result} == {"Basic", "Queued for Deletion"}


# Secrets --------------------------------------------------------------------------------------------------------------


def test_a_former_secret_and_a_deleted_client_are_good_for_five_seconds_at_most(
    admin: InProcessApi, api: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/decisions/log-in.md; a new secret is good at once."""
    create(admin, clientId="one", clientSecret="old")
    username = register(api, ClientKey.new(), clientId="one", clientSecret="old").result["device"]["username"]

    def with_secret(secret: str) -> int:
        return log_in(api, username, client_id="one", client_secret=secret).status

    assert with_secret("old") == 200
    admin.patch(f"{CLIENTS}/one/ChangeSecret", {"newSecret": "new"})
    assert [with_secret(secret) for secret in ("old", "new", "wrong")] == [200, 200, 401]
    assert with_secret("old") == 401  # this process has met the new one
    admin.delete(f"{CLIENTS}/one")
    assert with_secret("new") == 200

    let_time_pass(monkeypatch, timedelta(seconds=6))
    assert with_secret("new") == 401


def test_a_secret_is_changed_at_once(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §19: `PATCH ChangeSecret` with new secret → 200, `clientSecret` equals it; §5.4: The old secret
    stops working at once; issued access tokens stay valid until they expire."""
    created = create(admin, clientId="one", clientSecret="old", displayName="The one", maxIdentities=3).result
    identity = register(api, ClientKey.new(), clientId="one", clientSecret="old")
    username = identity.result["device"]["username"]

    answer = admin.patch(f"{CLIENTS}/one/ChangeSecret", {"newSecret": "new"})

    assert (answer.status, answer.result) == (200, {**created, "clientSecret": "new"})
    assert outcome(log_in(api, username, client_id="one", client_secret="old")) == (401, "invalid_client")
    assert log_in(api, username, client_id="one", client_secret="new").status == 200
    assert api.get("/api/v2/Devices/Self", caller=caller_of(identity)).status == 200


def test_an_empty_secret_stands_for_one_that_is_made_up(admin: InProcessApi) -> None:
    """admin-api.md §19: with "" → 200 random; §5.4: Empty string → new random 30-character secret"""
    create(admin, clientId="one", clientSecret="old")

    secrets = {admin.patch(f"{CLIENTS}/one/ChangeSecret", {"newSecret": ""}).result["clientSecret"] for _ in range(2)}

    assert len(secrets) == 2
    assert all(re.fullmatch("[A-Za-z0-9]{30}", secret) for secret in secrets)


@pytest.mark.parametrize(
    ("client_id", "body", "error"),
    [
        ("nobody", {"newSecret": "new"}, NOT_FOUND),
        ("nobody", {"newSecret": ""}, NOT_FOUND),
        ("x" * 101, {"newSecret": "new"}, NOT_FOUND),
        ("one", {}, INPUT_CANNOT_BE_PARSED),
        ("one", {"newSecret": None}, INPUT_CANNOT_BE_PARSED),
        ("one", None, INPUT_CANNOT_BE_PARSED),
        ("nobody", {}, INPUT_CANNOT_BE_PARSED),
    ],
)
def test_a_secret_is_not_changed_by_mistake(
    admin: InProcessApi, client_id: str, body: Any, error: tuple[int, str]
) -> None:
    """admin-api.md §19: unknown client → 404 `error.platform.recordNotFound`; §5.4: property required, must not be null
    → else 400 `error.platform.inputCannotBeParsed`"""
    given_client("one")
    before = everything()

    assert admin.patch(f"{CLIENTS}/{client_id}/ChangeSecret", body).error == error
    assert everything() == before


# Updates --------------------------------------------------------------------------------------------------------------


def test_an_update_is_a_full_replacement(admin: InProcessApi) -> None:
    """admin-api.md §19: `PUT /Clients/{id}` → 200 and persisted; null maxIdentities → persisted null"""
    gold = given_tier_named(admin, "Gold")
    created = create(admin, clientId="one", displayName="The one").result
    expected = {name: value for name, value in created.items() if name != "clientSecret"}

    limited = update(admin, "one", defaultTier=gold, maxIdentities=5)
    assert (limited.status, limited.result) == (200, {**expected, "defaultTier": gold, "maxIdentities": 5})
    assert admin.get(f"{CLIENTS}/one").result == {**limited.result, "numberOfIdentities": 0}

    unlimited = update(admin, "one", maxIdentities=None)
    assert (unlimited.status, unlimited.result) == (200, expected)
    assert admin.get(f"{CLIENTS}/one").result == {**expected, "numberOfIdentities": 0}


def given_tier_named(admin: InProcessApi, name: str) -> str:
    """A tier made over the API."""
    return str(admin.post("/api/v1/Tiers", {"name": name}).result["id"])


def test_without_maximum_there_is_no_limit_any_more(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §17.6: `PUT /Clients/{id}` without `maxIdentities` removes the limit"""
    create(admin, clientId="one", clientSecret="s", maxIdentities=1)
    register(api, ClientKey.new(), clientId="one", clientSecret="s")
    assert register(api, ClientKey.new(), clientId="one", clientSecret="s").error == LIMIT_REACHED

    assert update(admin, "one").result["maxIdentities"] is None

    assert register(api, ClientKey.new(), clientId="one", clientSecret="s").status == 201
    assert admin.get(f"{CLIENTS}/one").result["numberOfIdentities"] == 2


def test_a_new_default_tier_is_for_identities_created_later(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §5.5: Changing the default tier affects only identities created later."""
    gold = given_tier_named(admin, "Gold")
    create(admin, clientId="one", clientSecret="s")
    before = register(api, ClientKey.new(), clientId="one", clientSecret="s")

    update(admin, "one", defaultTier=gold)

    after = register(api, ClientKey.new(), clientId="one", clientSecret="s")
    tier_ids = [
        api.get("/api/v2/Identities/Self", caller=caller_of(created)).result["tierId"] for created in (before, after)
    ]
    assert tier_ids == [TIER, gold]


@pytest.mark.parametrize("tier", ["Basic", "TIRunknown0000000000", "TIR!", "", "TIR", "x" * 50])
def test_a_default_tier_is_given_by_its_id_only(admin: InProcessApi, tier: str) -> None:
    """admin-api.md §19: unknown tier → 400 `error.platform.validation.device.tierIdInvalidOrDoesNotExist`; §17.5: on
    update only an id"""
    create(admin, clientId="one")
    before = everything()

    assert update(admin, "one", defaultTier=tier).error == INVALID_TIER
    assert everything() == before


def test_updates_are_checked_in_order(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §5.5: Order: client unknown 404 → tier malformed or unknown 400 tierIdInvalidOrDoesNotExist →
    `maxIdentities` smaller than present number; §19: unknown client → 404"""
    create(admin, clientId="one", clientSecret="s")
    register(api, ClientKey.new(), clientId="one", clientSecret="s")

    assert update(admin, "nobody", defaultTier="TIR!", maxIdentities=0).error == NOT_FOUND
    assert update(admin, "one", defaultTier="TIR!", maxIdentities=0).error == INVALID_TIER
    assert update(admin, "one", maxIdentities=0).error == TOO_FEW
    assert admin.put(f"{CLIENTS}/nobody", {"maxIdentities": 1}).error == INPUT_CANNOT_BE_PARSED
    assert admin.put(f"{CLIENTS}/nobody", {"defaultTier": None}).error == INPUT_CANNOT_BE_PARSED


@pytest.mark.parametrize("limited_before", [False, True])
def test_a_maximum_is_not_below_the_number_of_identities(
    admin: InProcessApi, api: InProcessApi, limited_before: bool
) -> None:
    """admin-api.md §19: `PUT` maxIdentities below count → 400 maxIdentitiesLessThanCurrentIdentities; equal → 200"""
    create(admin, clientId="one", clientSecret="s", maxIdentities=9 if limited_before else None)
    for _ in range(2):
        register(api, ClientKey.new(), clientId="one", clientSecret="s")
    before = everything()

    assert update(admin, "one", maxIdentities=1).error == TOO_FEW
    assert update(admin, "one", maxIdentities=-1).error == TOO_FEW
    assert everything() == before
    assert update(admin, "one", maxIdentities=2).status == 200
    assert admin.get(f"{CLIENTS}/one").result["numberOfIdentities"] == 2
    assert register(api, ClientKey.new(), clientId="one", clientSecret="s").error == LIMIT_REACHED
    assert update(admin, "one", maxIdentities=3).status == 200
    assert register(api, ClientKey.new(), clientId="one", clientSecret="s").status == 201


# Deletion -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [None, 5])
def test_nobody_logs_in_with_a_deleted_client_and_its_identities_stay(
    admin: InProcessApi, api: InProcessApi, limit: int | None
) -> None:
    """admin-api.md §5.6: Identities created with the client stay (with their `clientId`); nobody can log in with the
    deleted client id any more; §17.16: Deleting a client leaves its identities orphaned but existing"""
    given_client("test")
    create(admin, clientId="one", clientSecret="s", maxIdentities=limit)
    created = register(api, ClientKey.new(), clientId="one", clientSecret="s")
    username = created.result["device"]["username"]

    answer = admin.delete(f"{CLIENTS}/one")

    assert (answer.status, answer.body) == (204, "")
    assert outcome(log_in(api, username, client_id="one", client_secret="s")) == (401, "invalid_client")
    assert register(api, ClientKey.new(), clientId="one", clientSecret="s").error == (
        400,
        "error.platform.unauthorized",
    )
    assert log_in(api, username).status == 200
    assert admin.get(f"/api/v1/Identities/{created.result['address']}").result["clientId"] == "one"
    assert [client["clientId"] for client in admin.get(CLIENTS).result] == ["test"]


def test_a_client_is_deleted_once(admin: InProcessApi) -> None:
    """admin-api.md §19: `DELETE /Clients/{id}` → 204; unknown → 404 `error.platform.recordNotFound`"""
    create(admin, clientId="one")

    assert admin.delete(f"{CLIENTS}/one").status == 204
    for client_id in ("one", "nobody", "x" * 101, "x" * 3000):
        assert admin.delete(f"{CLIENTS}/{client_id}").error == NOT_FOUND
        assert admin.get(f"{CLIENTS}/{client_id}").error == NOT_FOUND
        assert admin.patch(f"{CLIENTS}/{client_id}/ChangeSecret", {"newSecret": "s"}).error == NOT_FOUND
        assert update(admin, client_id).error == NOT_FOUND


@pytest.mark.parametrize("limit", [None, 5])
def test_a_client_nobody_has_used_leaves_nothing(admin: InProcessApi, limit: int | None) -> None:
    before = everything()

    create(admin, clientId="one", maxIdentities=limit)
    admin.delete(f"{CLIENTS}/one")

    assert sorted(map(repr, everything())) == sorted(map(repr, before))


@pytest.mark.parametrize("limits", [(None, None), (None, 9), (9, None), (9, 9)])
def test_a_new_client_of_the_same_id_inherits_the_identities(
    admin: InProcessApi, api: InProcessApi, limits: tuple[int | None, int | None]
) -> None:
    """admin-api.md §5.6: Identities created with the client stay (with their `clientId`): they count again"""
    create(admin, clientId="one", clientSecret="s", maxIdentities=limits[0])
    for _ in range(2):
        register(api, ClientKey.new(), clientId="one", clientSecret="s")
    admin.delete(f"{CLIENTS}/one")

    assert create(admin, clientId="one", clientSecret="s", maxIdentities=limits[1]).status == 201

    assert admin.get(f"{CLIENTS}/one").result["numberOfIdentities"] == 2
    register(api, ClientKey.new(), clientId="one", clientSecret="s")
    assert admin.get(f"{CLIENTS}/one").result["numberOfIdentities"] == 3


def test_identities_of_nobody_knows_whom_do_not_matter(admin: InProcessApi) -> None:
    given_identity(ClientKey.new().address)

    assert create(admin, clientId="test").status == 201
