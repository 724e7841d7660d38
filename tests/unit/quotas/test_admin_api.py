"""Quotas for operators.  Contract: admin-api.md, sections 6 and 7; quotas.md, section 6.2."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backbone.addresses import Address
from backbone.dynamodb import client, decode
from backbone.ids import QUEUED_FOR_DELETION_TIER, TierId
from backbone.quotas import Metric
from backbone.quotas import store as quotas
from backbone.readmodels.tiers import TierView
from functions.quotas import admin_api
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import TIER, given_identity, given_tier
from tests.unit.quotas.scenes import (
    EXHAUSTED,
    INVALID_ID,
    NOT_FOUND,
    UNPARSABLE,
    active_caller,
    create_token,
    quotas_of,
    refused,
)

pytestmark = pytest.mark.slow

METRICS, TIERS, IDENTITIES = "/api/v1/Metrics", "/api/v1/Tiers", "/api/v1/Identities"
TIER_QUOTAS = f"{TIERS}/{TIER}/Quotas"
QUOTA: dict[str, Any] = {"metricKey": "NumberOfTokens", "max": 5, "period": "Month"}
OWNER = new_caller()
FIXED_CANNOT_CHANGE = refused("cannotCreateOrDeleteQuotaOnQueuedForDeletionTier")


@pytest.fixture(autouse=True)
def tier(moto: None) -> None:
    """The tier of everybody here."""
    del moto
    given_tier()
    given_identity(OWNER.address)


def of(address: str) -> str:
    """Where the quotas of an identity are."""
    return f"{IDENTITIES}/{address}/Quotas"


def stored() -> list[dict[str, Any]]:
    """Everything in the table."""
    return [decode(item) for item in client().scan(TableName=quotas.table().name)["Items"]]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", METRICS),
        ("GET", f"{TIERS}/{TIER}"),
        ("POST", TIER_QUOTAS),
        ("DELETE", f"{TIER_QUOTAS}/TQDx"),
        ("POST", of("x")),
        ("DELETE", f"{of('x')}/QUOx"),
    ],
)
def test_nothing_without_a_key(admin: InProcessApi, method: str, path: str) -> None:
    """admin-api.md §19: any endpoint without `X-API-KEY` → 401, empty body"""
    answer = admin.request(method, path, headers={"X-API-KEY": ""})

    assert (answer.status, answer.body) == (401, "")


def test_all_metrics_are_listed(admin: InProcessApi) -> None:
    """quotas.md, Checklist: `GET /api/v1/Metrics` -> 10 entries with the keys and display names of section 2

    admin-api.md §19: `GET /Metrics` → 200, ten entries with the keys above
    """
    assert admin.get(METRICS).result == [
        {"key": "NumberOfSentMessages", "displayName": "Number of Sent Messages"},
        {"key": "NumberOfRelationships", "displayName": "Number of Relationships"},
        {"key": "NumberOfRelationshipTemplates", "displayName": "Number of Relationship Templates"},
        {"key": "NumberOfFiles", "displayName": "Number of Files"},
        {"key": "NumberOfTokens", "displayName": "Number of Tokens"},
        {"key": "UsedFileStorageSpace", "displayName": "File Storage Capacity (in Megabytes)"},
        {"key": "NumberOfStartedDeletionProcesses", "displayName": "Number of Started Deletion Processes"},
        {"key": "NumberOfCreatedChallenges", "displayName": "Number of Created Challenges"},
        {"key": "NumberOfCreatedDatawalletModifications", "displayName": "Number of Created Datawallet Modifications"},
        {"key": "NumberOfCreatedDevices", "displayName": "Number of Created Devices"},
    ]


class TestTiers:
    def test_a_tier_is_shown_with_its_quotas(self, admin: InProcessApi) -> None:
        """admin-api.md §6: 200 `id`, `name`, `quotas`: array of `{id:"TQD…", metric:{key,displayName}, max:int,
        period}`

        admin-api.md §19: `GET /Tiers/{id}` at most 2 s after creation → 200
        """
        created = admin.post(TIER_QUOTAS, QUOTA).result

        assert admin.get(f"{TIERS}/{TIER}").result == {
            "id": TIER,
            "name": "Basic",
            "quotas": [
                {
                    "id": created["id"],
                    "metric": {"key": "NumberOfTokens", "displayName": "Number of Tokens"},
                    "max": 5,
                    "period": "Month",
                }
            ],
        }

    @pytest.mark.parametrize("id", ["TIRunknown0000000000", "nonExistentTierId", "TIR" + "x" * 3000, "%00", "ä"])
    def test_an_unknown_tier_is_not_found(self, admin: InProcessApi, id: str) -> None:
        """admin-api.md §6: `GET /Tiers/{id}`: unknown **or malformed** → 404

        admin-api.md §19: unknown tier → 404; tier `nonExistentTierId` → 404
        """
        assert admin.get(f"{TIERS}/{id}").error == NOT_FOUND
        assert admin.post(f"{TIERS}/{id}/Quotas", {**QUOTA, "metricKey": "x", "max": -1}).error == NOT_FOUND
        assert admin.delete(f"{TIERS}/{id}/Quotas/TQDx").error == NOT_FOUND
        assert stored() == []

    def test_the_tier_of_identities_queued_for_deletion_is_fixed(self, admin: InProcessApi) -> None:
        """quotas.md, Checklist: seeding creates `TIR00000000000000001` with 8 zero/Total definitions

        admin-api.md §19: queued tier → 400 `error.platform.quotas.cannotCreateOrDeleteQuotaOnQueuedForDeletionTier`
        """
        given_tier(QUEUED_FOR_DELETION_TIER, "Queued for Deletion")
        path = f"{TIERS}/{QUEUED_FOR_DELETION_TIER}"

        found = admin.get(path).result

        assert len(found["quotas"]) == 8
        assert {(each["max"], each["period"]) for each in found["quotas"]} == {(0, "Total")}
        assert admin.post(f"{path}/Quotas", QUOTA).error == FIXED_CANNOT_CHANGE
        assert admin.delete(f"{path}/Quotas/{found['quotas'][0]['id']}").error == FIXED_CANNOT_CHANGE
        assert admin.delete(f"{path}/Quotas/unknown").error == FIXED_CANNOT_CHANGE


class TestQuotasOfTiers:
    def test_one_is_created(self, admin: InProcessApi) -> None:
        """admin-api.md §19: `POST /Tiers/{id}/Quotas` → 201"""
        answer = admin.post(TIER_QUOTAS, QUOTA)

        assert answer.status == 201
        assert answer.headers["location"] == ""
        created = answer.result
        assert created.pop("id").startswith("TQD")
        assert created == {
            "metric": {"key": "NumberOfTokens", "displayName": "Number of Tokens"},
            "max": 5,
            "period": "Month",
        }

    @pytest.mark.parametrize(
        ("members", "error"),
        [
            ({"metricKey": "NumberOfThings"}, refused("unsupportedMetricKey")),
            ({"metricKey": "numberOfTokens"}, refused("unsupportedMetricKey")),
            ({"metricKey": ""}, refused("unsupportedMetricKey")),
            ({"max": -1}, refused("invalidValueForMaxLimitInQuota")),
            ({"max": -1, "metricKey": "x"}, refused("unsupportedMetricKey")),
            ({"period": "Fortnight"}, UNPARSABLE),
            ({"period": 6}, UNPARSABLE),
            ({"period": None}, UNPARSABLE),
            ({"max": None}, UNPARSABLE),
            ({"max": 2**31}, UNPARSABLE),
            ({"max": 1.5}, UNPARSABLE),
            ({"metricKey": None}, UNPARSABLE),
            ({"metricKey": 4}, UNPARSABLE),
        ],
    )
    def test_what_makes_no_sense_is_refused(
        self, admin: InProcessApi, members: dict[str, Any], error: tuple[int, str]
    ) -> None:
        """quotas.md, Checklist: `POST /api/v1/Tiers/{id}/Quotas` with unknown metric -> 400
        `error.platform.quotas.unsupportedMetricKey`; …; max -1 -> 400 `…invalidValueForMaxLimitInQuota`

        admin-api.md §19: unknown metric → 400 `error.platform.quotas.unsupportedMetricKey`; max −1 → 400

        quotas.md §6.2: An invalid `period` or a missing member is 400 `error.platform.inputCannotBeParsed`.
        """
        owner = active_caller()

        assert admin.post(TIER_QUOTAS, {**QUOTA, **members}).error == error
        assert admin.post(of(owner.address), {**QUOTA, **members}).error == error
        assert stored() == []

    @pytest.mark.parametrize("missing", ["metricKey", "max", "period"])
    def test_all_members_are_required(self, admin: InProcessApi, missing: str) -> None:
        """quotas.md §6.2: `{metricKey, max, period}` all required"""
        members = {name: value for name, value in QUOTA.items() if name != missing}

        assert admin.post(TIER_QUOTAS, members).error == UNPARSABLE
        assert admin.post(of(active_caller().address), members).error == UNPARSABLE

    @pytest.mark.parametrize(("sent", "period"), [("hour", "Hour"), ("TOTAL", "Total"), (0, "Hour"), (5, "Total")])
    def test_periods_are_read_by_name_in_any_case_and_by_number(
        self, admin: InProcessApi, sent: object, period: str
    ) -> None:
        """quotas.md: Enumerations … (input case-insensitive, numeric values accepted as well)"""
        assert admin.post(TIER_QUOTAS, {**QUOTA, "period": sent}).result["period"] == period

    def test_one_for_each_metric_and_period(self, admin: InProcessApi) -> None:
        """quotas.md, Checklist: same metric and period twice -> 400 `error.platform.quotas.duplicateQuota`"""
        assert admin.post(TIER_QUOTAS, QUOTA).status == 201

        assert admin.post(TIER_QUOTAS, {**QUOTA, "max": 6}).error == refused("duplicateQuota")
        assert admin.post(TIER_QUOTAS, {**QUOTA, "period": "Day"}).status == 201
        assert admin.post(TIER_QUOTAS, {**QUOTA, "metricKey": "NumberOfFiles"}).status == 201

    def test_none_for_a_tier_that_has_just_gone(self, admin: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(admin_api, "_tier", lambda _: TierView(TierId("TIRgone0000000000000"), "Gone"))

        assert admin.post(f"{TIERS}/TIRgone0000000000000/Quotas", QUOTA).error == NOT_FOUND
        assert stored() == []

    def test_one_is_deleted(self, admin: InProcessApi) -> None:
        """admin-api.md §19: `DELETE /Tiers/{id}/Quotas/{def}` → 204; `inexistentQuotaId` → 404"""
        definition_id = admin.post(TIER_QUOTAS, QUOTA).result["id"]
        admin.post(TIER_QUOTAS, {**QUOTA, "period": "Day"})

        assert admin.delete(f"{TIER_QUOTAS}/inexistentQuotaId").error == NOT_FOUND
        assert admin.delete(f"{TIER_QUOTAS}/{definition_id}").status == 204
        assert admin.delete(f"{TIER_QUOTAS}/{definition_id}").error == NOT_FOUND
        assert [quota["period"] for quota in admin.get(f"{TIERS}/{TIER}").result["quotas"]] == ["Day"]
        assert admin.post(TIER_QUOTAS, QUOTA).status == 201

    def test_they_limit_everybody_in_the_tier_and_nobody_else(self, admin: InProcessApi, api: InProcessApi) -> None:
        inside, outside = active_caller(), active_caller("TIRother000000000000")
        definition_id = admin.post(TIER_QUOTAS, {**QUOTA, "max": 0}).result["id"]
        quotas.tiers.forget()

        assert create_token(api, inside).error == EXHAUSTED
        assert create_token(api, outside).status == 201
        admin.delete(f"{TIER_QUOTAS}/{definition_id}")
        quotas.tiers.forget()
        assert create_token(api, inside).status == 201


class TestIndividualQuotas:
    def test_one_is_created(self, admin: InProcessApi) -> None:
        """admin-api.md §19: individual quota: POST → 201 `QUO…`"""
        answer = admin.post(of(active_caller().address), QUOTA)

        created = answer.result
        assert (answer.status, created.pop("id")[:3]) == (201, "QUO")
        assert created == {
            "metric": {"key": "NumberOfTokens", "displayName": "Number of Tokens"},
            "max": 5,
            "period": "Month",
        }

    def test_one_for_each_metric_and_period(self, admin: InProcessApi) -> None:
        """admin-api.md §7.4: same metric and period 400 `error.platform.quotas.duplicateQuota`"""
        owner = active_caller()
        assert admin.post(of(owner.address), QUOTA).status == 201

        assert admin.post(of(owner.address), QUOTA).error == refused("duplicateQuota")
        assert admin.post(of(owner.address), {**QUOTA, "period": "Total"}).status == 201
        assert admin.post(of(active_caller().address), QUOTA).status == 201

    @pytest.mark.parametrize(
        "address",
        ["some-inexistent-identity-address", "x" * 3000, "%00", str(new_caller().address)],
    )
    def test_an_unknown_identity_is_not_found(self, admin: InProcessApi, address: str) -> None:
        """quotas.md, Checklist: `POST /api/v1/Identities/{unknown}/Quotas` -> 404

        admin-api.md §19: address `some-inexistent-identity-address` → 404; DELETE: unknown identity → 404
        """
        assert admin.post(of(address), {**QUOTA, "metricKey": "x", "max": -1}).error == NOT_FOUND
        assert admin.delete(f"{of(address)}/abc").error == NOT_FOUND
        assert stored() == []

    def test_an_identity_that_is_being_deleted_gets_none(self, admin: InProcessApi) -> None:
        gone = new_caller()
        given_identity(gone.address, "Deleting")

        assert admin.post(of(gone.address), QUOTA).error == NOT_FOUND
        assert stored() == []

    def test_one_is_deleted(self, admin: InProcessApi) -> None:
        """quotas.md, Checklist: `DELETE /api/v1/Identities/{a}/Quotas/QUOInexistentIdxxxxx` -> 404; with `abc` -> 400
        `error.platform.validation.invalidId`

        admin-api.md §19: individual quota: DELETE → 204; unknown well-formed id → 404
        """
        owner = active_caller()
        path = of(owner.address)
        quota_id = admin.post(path, QUOTA).result["id"]

        assert admin.delete(f"{path}/QUOInexistentIdxxxxx").error == NOT_FOUND
        for malformed in ("abc", "QUO", "QUOabc", "TQDInexistentIdxxxxx", f"{quota_id}x", "QUOInexistent-dxxxxx"):
            assert admin.delete(f"{path}/{malformed}").error == INVALID_ID
        assert admin.delete(f"{of(active_caller().address)}/{quota_id}").error == NOT_FOUND
        assert admin.delete(f"{path}/{quota_id}").status == 204
        assert admin.delete(f"{path}/{quota_id}").error == NOT_FOUND
        assert admin.post(path, QUOTA).status == 201

    def test_it_wins_over_that_of_the_tier_at_once_and_while_it_exists(
        self, admin: InProcessApi, api: InProcessApi
    ) -> None:
        """quotas.md, Checklist: individual quota with larger max than an exhausted tier quota, created through the
        Admin API -> next request allowed immediately

        admin-api.md §19: an individual quota wins over the tier quota of the same metric in the Consumer API

        Deleting it takes effect at once, too, where the reference keeps the old state (docs/decisions/quotas.md).
        """
        owner = active_caller()
        admin.post(TIER_QUOTAS, {**QUOTA, "max": 1})
        quotas.tiers.forget()
        assert [create_token(api, owner).status for _ in range(2)] == [201, 429]

        quota_id = admin.post(of(owner.address), {**QUOTA, "max": 2}).result["id"]

        assert [create_token(api, owner).status for _ in range(2)] == [201, 429]
        assert [(each["source"], each["usage"], each["max"]) for each in quotas_of(api, owner)["NumberOfTokens"]] == [
            ("Individual", 2, 2),
            ("Tier", 2, 1),
        ]
        admin.delete(f"{of(owner.address)}/{quota_id}")
        assert [each["source"] for each in quotas_of(api, owner)["NumberOfTokens"]] == ["Tier"]
        assert create_token(api, owner).error == EXHAUSTED

    def test_it_keeps_what_was_counted(self, admin: InProcessApi, api: InProcessApi) -> None:
        owner = active_caller()
        create_token(api, owner)
        quota_id = admin.post(of(owner.address), QUOTA).result["id"]
        create_token(api, owner)
        admin.delete(f"{of(owner.address)}/{quota_id}")

        (item,) = stored()
        assert (item["pk"], item["sk"], item["total"]) == (Address(owner.address), Metric.NUMBER_OF_TOKENS, 2)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)
METRIC_KEYS = JSON | st.sampled_from([*Metric, "numberOfTokens"])
PERIODS = JSON | st.sampled_from(["Hour", "total", 3, "7"])
ANYTHING = JSON | st.fixed_dictionaries({}, optional={"metricKey": METRIC_KEYS, "max": JSON, "period": PERIODS})


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=ANYTHING)
def test_no_body_makes_it_fail(admin: InProcessApi, body: object) -> None:
    """http-common.md §4: whatever cannot be bound is 400; nothing is ever a 500"""
    for path in (TIER_QUOTAS, of(OWNER.address)):
        before = stored()
        answer = admin.post(path, body)

        assert answer.status in (201, 400), answer.body
        if answer.status == 400:
            assert stored() == before
        else:
            admin.delete(f"{path}/{answer.result['id']}")


@pytest.mark.slow
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet=st.characters(exclude_characters="/?#"), min_size=1, max_size=100))
def test_no_path_makes_it_fail(admin: InProcessApi, text: str) -> None:
    for method, path in (
        ("GET", f"{TIERS}/{text}"),
        ("POST", f"{TIERS}/{text}/Quotas"),
        ("DELETE", f"{TIER_QUOTAS}/{text}"),
        ("POST", of(text)),
        ("DELETE", f"{of(text)}/{text}"),
    ):
        assert admin.request(method, path, json_body=QUOTA).error == NOT_FOUND
    assert admin.delete(f"{of(OWNER.address)}/{text}").error == INVALID_ID
