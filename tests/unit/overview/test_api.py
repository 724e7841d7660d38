"""The overview over HTTP.  Contract: admin-api.md, section 10."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from backbone import clock
from backbone.readmodels import tiers
from functions.overview import search
from tests.support.api import Answer, InProcessApi
from tests.support.builders import LONG_AGO
from tests.unit.overview.scenes import BASIC, PREMIUM, address, given_overview

pytestmark = pytest.mark.slow

IDENTITIES = "/odata/Identities"
JSON = "application/json;odata.metadata=minimal;odata.streaming=true;charset=utf-8"
CONTEXT = "https://localhost:8091/odata/$metadata#Identities"


@pytest.fixture
def admin(admin: InProcessApi) -> InProcessApi:
    """With two tiers."""
    for id, name in ((BASIC, "Basic"), (PREMIUM, "Premium")):
        tiers.table().put({**tiers.key(id), "name": name})
    return admin


def ask(admin: InProcessApi, **options: str) -> Answer:
    return admin.get(IDENTITIES, query={f"${name}": value for name, value in options.items()})


def found(admin: InProcessApi, **options: str) -> list[dict[str, Any]]:
    answer = ask(admin, **options)
    assert answer.status == 200, answer.body
    rows: list[dict[str, Any]] = answer.json["value"]
    return rows


def addresses(rows: list[dict[str, Any]]) -> list[str]:
    return [row["address"] for row in rows]


def refusal(answer: Answer) -> Mapping[str, Any]:
    assert answer.status == 400, answer.body
    assert answer.headers["content-type"] == JSON
    assert set(answer.json) == {"error"}
    error: Mapping[str, Any] = answer.json["error"]
    assert set(error) == {"code", "message", "details", "innererror"}
    assert error["message"]
    return error


def test_without_options_all_identities_are_listed(admin: InProcessApi) -> None:
    """admin-api.md §10: The C# SDK and the reference tests call `GET /odata/Identities` with no options and expect …"""
    rows = sorted((given_overview(number) for number in range(3)), key=lambda row: row.address)

    answer = admin.get(IDENTITIES)

    assert (answer.status, answer.headers["content-type"]) == (200, JSON)
    assert answer.json == {
        "@odata.context": CONTEXT,
        "value": [
            {
                "address": row.address,
                "createdAt": clock.render(row.created_at),
                "lastLoginAt": None,
                "createdWithClient": "test",
                "datawalletVersion": None,
                "identityVersion": 1,
                "numberOfDevices": 1,
            }
            for row in rows
        ],
    }


def test_the_body_null_of_the_sdk_does_no_harm(admin: InProcessApi) -> None:
    """admin-api.md §17: The C# SDK sends the body `null` with GET and DELETE requests"""
    assert admin.get(IDENTITIES, json_body=None).json["value"] == []


def test_the_tier_comes_with_expand_only(admin: InProcessApi) -> None:
    """admin-api.md §19: `GET /odata/Identities` → 200 `value` without `tier`; with `$expand=Tier` with it"""
    given_overview(1, tier_id=PREMIUM)

    (plain,) = found(admin)
    answer = ask(admin, expand="Tier")

    assert "tier" not in plain
    assert answer.json == {
        "@odata.context": f"{CONTEXT}(tier())",
        "value": [{**plain, "tier": {"id": PREMIUM, "name": "Premium"}}],
    }


def test_the_tier_of_those_that_are_deleted_has_its_name(admin: InProcessApi) -> None:
    tiers.table().put({**tiers.key(tiers.QUEUED_FOR_DELETION_ID), "name": "Queued for Deletion"})
    given_overview(1, tier_id=tiers.QUEUED_FOR_DELETION_ID)

    assert found(admin, expand="tier")[0]["tier"]["name"] == "Queued for Deletion"


def test_the_number_of_all_is_told_if_asked_for(admin: InProcessApi) -> None:
    """admin-api.md §19: `$count=true` adds `@odata.count`"""
    for number in range(4):
        given_overview(number)

    with_count, without = ask(admin, count="true", top="2").json, ask(admin, count="false", top="2").json

    assert list(with_count) == ["@odata.context", "@odata.count", "value"]
    assert (with_count["@odata.count"], len(with_count["value"])) == (4, 2)
    assert "@odata.count" not in without


def test_no_page_is_longer_than_a_hundred(admin: InProcessApi) -> None:
    """admin-api.md §19: `$top=101` → 400"""
    assert "'100'" in refusal(ask(admin, top="101"))["message"]
    assert ask(admin, top="100").status == 200
    assert found(admin, top="0") == []


def test_the_filter_of_the_admin_ui_works(admin: InProcessApi) -> None:
    """admin-api.md §19: `$filter=contains(address,'x') and (tier/Id eq 'TIR…' or tier/Id eq 'TIR…') and createdAt …`"""
    for number in range(6):
        given_overview(number, tier_id=PREMIUM if number % 2 else BASIC, number_of_devices=number)
    wanted = address(3)

    rows = found(
        admin,
        filter=f"contains(address,'{wanted[-9:]}') and (tier/Id eq '{BASIC}' or tier/Id eq '{PREMIUM}')"
        " and createdAt ge 2024-01-01",
        orderBy="address asc",
        top="5",
        skip="0",
        count="true",
        expand="Tier",
    )

    assert addresses(rows) == [wanted]


@pytest.mark.parametrize("clause", ["tier/Id eq '{tier}'", "createdWithClient eq 'app'"])
def test_the_lists_of_tier_and_client_are_the_same_query(admin: InProcessApi, clause: str) -> None:
    """admin-api.md §10: … use the same query with a fixed `tier/Id eq` or `createdWithClient eq` clause"""
    expected = [given_overview(number, tier_id=PREMIUM, client_id="app").address for number in range(3)]
    given_overview(9)

    answer = ask(admin, filter=clause.format(tier=PREMIUM), orderBy="createdAt desc", top="2", skip="1", count="true")

    assert (addresses(answer.json["value"]), answer.json["@odata.count"]) == (expected[1::-1], 3)


@pytest.mark.parametrize(
    "field",
    [
        "address",
        "createdWithClient",
        "numberOfDevices",
        "createdAt",
        "lastLoginAt",
        "datawalletVersion",
        "identityVersion",
    ],
)
@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_identities_are_sorted_by_every_property(admin: InProcessApi, field: str, direction: str) -> None:
    """admin-api.md §10: `$orderBy` fields …  Nulls count as the smallest (OData 4.01, Part 2, 5.1.1.8)"""
    given_overview(1, client_id="a", number_of_devices=3, identity_version=2)
    given_overview(2, client_id="b", datawallet_version=10, last_login_at=LONG_AGO)
    given_overview(3, client_id="c", number_of_devices=12, datawallet_version=9, last_login_at=LONG_AGO + timedelta(1))

    rows = found(admin, orderBy=f"{field} {direction}", top="10")

    values = [(row[field] is not None, row[field] or 0) if field != "address" else row[field] for row in rows]
    assert values == sorted(values, reverse=direction == "desc")
    assert len(rows) == 3


def test_only_what_is_selected_is_shown(admin: InProcessApi) -> None:
    """admin-api.md §10: Enabled options: …, `$select`"""
    given_overview(1)

    answer = ask(admin, select="createdAt, Address", expand="Tier")

    assert list(answer.json["value"][0]) == ["address", "createdAt", "tier"]
    assert answer.json["@odata.context"] == f"{CONTEXT}(address,createdAt,tier())"
    assert len(found(admin, select="*")[0]) == 7


def test_the_last_log_in_is_shown_in_every_order(admin: InProcessApi) -> None:
    given_overview(1, last_login_at=LONG_AGO)

    for options in ({"orderby": "createdAt"}, {"filter": f"tier/id eq '{BASIC}'", "orderby": "address"}, {"top": "1"}):
        assert found(admin, **options)[0]["lastLoginAt"] == clock.render(LONG_AGO)


def test_names_count_in_any_case(admin: InProcessApi) -> None:
    """admin-api.md §10: Names are case-insensitive.  Note the spelling `$orderBy` with capital B"""
    given_overview(1)
    options = "$ORDERBY=ADDRESS%20DESC&$Filter=NumberOfDevices%20GE%201&top=5&%24count=True&$EXPAND=TIER"

    answer = admin.get(IDENTITIES, query=options)

    assert (answer.status, answer.json["@odata.count"]) == (200, 1)
    assert "tier" in answer.json["value"][0]
    assert admin.get("/odata/identities", query="$top=1").json["value"]


@pytest.mark.parametrize(
    "query",
    [
        "$top=-1",
        "$top=x",
        "$top=1&$top=2",
        "$top=1&top=2",
        "$skip=-1",
        "$skip=99999999999",
        "$count=yes",
        "$orderby=publicKey",
        "$orderby=,",
        "$orderby=address up",
        "$orderby=tier/id",
        "$orderby=createdAt,identityVersion",
        "$expand=devices",
        "$expand=Tier($select=name)",
        "$select=publicKey",
        "$select=tier/id",
        "$filter=nonsense",
        "$filter=contains(address,'x'",
        "$search=x",
        "$apply=aggregate($count as n)",
        "$format=xml",
        "$skiptoken=%00",
        "$skiptoken=____",
        "$skiptoken=7ICA",
    ],
)
def test_a_wrong_query_is_refused_in_the_form_of_odata(admin: InProcessApi, query: str) -> None:
    """admin-api.md §10: Errors: 400 `{"error":{"code","message","details","innererror"}}`"""
    refusal(admin.get(IDENTITIES, query=query))


@pytest.mark.parametrize(
    "query", ["$top=", "$filter=", "custom=1", "$format=json", "$orderby=createdAt desc,address desc", "$select=tier"]
)
def test_what_means_nothing_else_is_allowed(admin: InProcessApi, query: str) -> None:
    assert admin.get(IDENTITIES, query=query).status == 200


def test_a_filter_longer_than_the_database_reads_is_refused(admin: InProcessApi) -> None:
    clauses = " and ".join(f"lastLoginAt ne 2024-01-01T00:00:{second:02d}Z" for second in range(60))

    assert ask(admin, filter=f"{clauses} and {clauses} and {clauses}").status == 400
    assert ask(admin, filter=" or ".join(f"createdWithClient eq '{number}'" for number in range(150))).status == 200


def test_identities_are_counted(admin: InProcessApi) -> None:
    """admin-api.md §10: `GET /odata/Identities/$count` (plain text number) works too"""
    for number in range(3):
        given_overview(number, tier_id=PREMIUM if number else BASIC)

    everything = admin.get(f"{IDENTITIES}/$count")
    some = admin.get(f"{IDENTITIES}/$count", query={"$filter": f"tier/Id eq '{PREMIUM}'"})
    others = admin.get(f"{IDENTITIES}/$count", query={"$filter": "not (createdAt gt 2025-01-01)"})

    assert (everything.status, everything.headers["content-type"]) == (200, "text/plain;charset=utf-8")
    assert (everything.body, some.body, others.body) == ("3", "2", "3")
    refusal(admin.get(f"{IDENTITIES}/$count", query={"$filter": "nonsense"}))
    assert admin.get(f"{IDENTITIES}/$sum").status == 404


def test_service_and_metadata_are_public(admin: InProcessApi) -> None:
    """admin-api.md §2.1: Anonymous endpoints: …, the OData service document `/odata` and `/odata/$metadata`"""
    nobody = {"x-api-key": ""}

    service = admin.get("/odata", headers=nobody)
    metadata = admin.get("/odata/$metadata", headers=nobody)

    assert service.json == {
        "@odata.context": "https://localhost:8091/odata/$metadata",
        "value": [{"name": "Identities", "kind": "EntitySet", "url": "Identities"}],
    }
    assert metadata.headers["content-type"] == "application/xml;charset=utf-8"
    properties = re.findall(r'<Property Name="(\w+)"', metadata.body)
    assert properties == [
        "address",
        "createdAt",
        "lastLoginAt",
        "createdWithClient",
        "datawalletVersion",
        "identityVersion",
        "numberOfDevices",
        "id",
        "name",
    ]
    assert admin.get("/odata/Tiers", headers=nobody).status == 404


@pytest.mark.parametrize("path", [IDENTITIES, "/odata/identities", f"{IDENTITIES}/$count"])
@pytest.mark.parametrize("key", ["", "wrong"])
def test_nobody_sees_identities_without_a_key(admin: InProcessApi, path: str, key: str) -> None:
    """admin-api.md §2.1: Everything else needs the key, including `GET /odata/Identities`; 401 with empty body"""
    answer = admin.get(path, headers={"x-api-key": key})

    assert (answer.status, answer.body) == (401, "")


def test_more_than_fit_into_an_answer_come_with_a_link_to_the_rest(
    admin: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OData 4.01, Part 1, 11.2.6.7: server-driven paging"""
    monkeypatch.setattr(search, "MAX_ROWS", 3)
    for number in range(8):
        given_overview(number, number_of_devices=number % 2)
    for options in ({"orderby": "numberOfDevices desc"}, {"filter": "numberOfDevices ge 0", "skip": "2"}, {}):
        expected = addresses(found(admin, **options, top="100"))
        seen: list[str] = []
        answer = ask(admin, **options, count="true")
        for _ in range(3):
            assert answer.json["@odata.count"] == 8
            seen += addresses(answer.json["value"])
            if "@odata.nextLink" not in answer.json:
                break
            link = urlsplit(answer.json["@odata.nextLink"])
            assert link.path == IDENTITIES
            assert "skip" not in {name.lstrip("$") for name in parse_qs(link.query)}
            answer = admin.get(link.path, query=link.query)

        assert seen == expected


def test_a_query_that_would_read_too_much_is_refused(admin: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_SORTED", "PREFERABLY_SORTED"):
        monkeypatch.setattr(search, name, 1)
    for number in range(3):
        given_overview(number, last_login_at=LONG_AGO)

    error = refusal(ask(admin, filter="lastLoginAt ge 2024-01-01", orderby="createdAt"))

    assert "lastLoginAt" in error["message"]
    for order in ("address", "lastLoginAt"):
        assert len(found(admin, filter="lastLoginAt ge 2024-01-01", orderby=order)) == 3
