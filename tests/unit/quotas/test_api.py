"""GET Quotas.  Contract: quotas.md, section 6.1."""

import pytest

from backbone.caller import Caller
from backbone.quotas import Metric, Period
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import TIER, given_identity, given_individual_quota, given_tier_quota
from tests.support.builders import given_device as with_device
from tests.unit.quotas.scenes import (
    NOT_FOUND,
    QUOTAS,
    active_caller,
    create_template,
    create_token,
    quotas_of,
    upload,
    usages,
)
from tests.unit.synchronization.steps import given_owner, modification, push

MIB = 1_048_576


@pytest.fixture
def caller(api: InProcessApi) -> Caller:
    """Somebody whose identity exists."""
    del api  # tables come first
    return active_caller()


def test_the_list_needs_a_token(api: InProcessApi) -> None:
    """quotas.md, Checklist: `GET /api/v2/Quotas` without token -> 401"""
    answer = api.get(QUOTAS)

    assert (answer.status, answer.body) == (401, "")


def test_a_fresh_identity_of_a_tier_without_quotas_has_none(api: InProcessApi, caller: Caller) -> None:
    """quotas.md, Checklist: for a fresh identity of a tier without quotas -> `{"result":[]}`"""
    answer = api.get(QUOTAS, caller=caller)

    assert (answer.status, answer.body) == (200, '{"result":[]}')


def test_an_identity_that_does_not_exist_is_not_found(api: InProcessApi) -> None:
    """quotas.md §6.1: If the identity has not arrived in the module yet: 500 … (here: 404, it has gone)"""
    assert api.get(QUOTAS, caller=new_caller()).error == NOT_FOUND


def test_quotas_are_grouped_by_metric_individual_ones_first(api: InProcessApi, caller: Caller) -> None:
    """quotas.md, Checklist: `GET /api/v2/Quotas` groups by metric; individual entries come before tier entries

    quotas.md §6.1: All quotas are listed, including tier quotas overridden by individual ones. No quota IDs.
    """
    given_tier_quota(Metric.NUMBER_OF_TOKENS, 10, Period.HOUR)
    given_tier_quota(Metric.NUMBER_OF_FILES, 5, Period.TOTAL)
    given_individual_quota(caller.address, Metric.NUMBER_OF_TOKENS, 20, Period.DAY)
    create_token(api, caller)

    token = {"metricKey": "NumberOfTokens", "usage": 1}
    assert api.get(QUOTAS, caller=caller).result == [
        {
            "metricKey": "NumberOfTokens",
            "quotas": [
                {"source": "Individual", **token, "max": 20, "period": "Day"},
                {"source": "Tier", **token, "max": 10, "period": "Hour"},
            ],
        },
        {
            "metricKey": "NumberOfFiles",
            "quotas": [{"source": "Tier", "metricKey": "NumberOfFiles", "max": 5, "usage": 0, "period": "Total"}],
        },
    ]


def test_everything_that_counts_is_counted_live(api: InProcessApi, caller: Caller) -> None:
    """quotas.md §6.1: number, counted live for the quota's current period"""
    for metric in Metric:
        given_tier_quota(metric, 100, Period.DAY)
        given_tier_quota(metric, 1000, Period.TOTAL)
    create_token(api, caller)
    create_template(api, caller)
    upload(api, caller, bytes(MIB))
    upload(api, caller, bytes(MIB + MIB // 2))
    api.post("/api/v2/Challenges", caller=caller)

    assert {metric: usages(api, caller, metric) for metric in Metric} == {
        Metric.NUMBER_OF_SENT_MESSAGES: [0, 0],
        Metric.NUMBER_OF_RELATIONSHIPS: [0, 0],
        Metric.NUMBER_OF_RELATIONSHIP_TEMPLATES: [1, 1],
        Metric.NUMBER_OF_FILES: [2, 2],
        Metric.NUMBER_OF_TOKENS: [1, 1],
        Metric.USED_FILE_STORAGE_SPACE: [2, 2],
        Metric.NUMBER_OF_STARTED_DELETION_PROCESSES: [0, 0],
        Metric.NUMBER_OF_CREATED_CHALLENGES: [1, 1],
        Metric.NUMBER_OF_CREATED_DATAWALLET_MODIFICATIONS: [0, 0],
        Metric.NUMBER_OF_CREATED_DEVICES: [0, 0],
    }


def test_devices_count_from_their_creation(api: InProcessApi) -> None:
    """quotas.md §2: devices of X"""
    caller = new_caller()
    identity = given_identity(caller.address)
    given_tier_quota(Metric.NUMBER_OF_CREATED_DEVICES, 1, Period.HOUR)
    given_tier_quota(Metric.NUMBER_OF_CREATED_DEVICES, 1, Period.TOTAL)
    with_device(identity)
    with_device(identity)

    assert usages(api, caller, Metric.NUMBER_OF_CREATED_DEVICES) == [0, 2], "they were created long ago"


def test_a_started_deletion_process_counts_whatever_becomes_of_it(api: InProcessApi) -> None:
    """quotas.md §2: deletion processes of X, any status"""
    caller = new_caller()
    identity = given_identity(caller.address)
    device = with_device(identity)
    given_tier_quota(Metric.NUMBER_OF_STARTED_DELETION_PROCESSES, 1, Period.DAY)
    mine = Caller(caller.address, device.device.id, "test")
    processes = "/api/v2/Identities/Self/DeletionProcesses"
    started = api.post(processes, {}, caller=mine).result

    assert api.put(f"{processes}/{started['id']}/Cancel", caller=mine).status == 200
    assert usages(api, mine, Metric.NUMBER_OF_STARTED_DELETION_PROCESSES) == [1]


def test_datawallet_modifications_count_even_when_they_replace_others(api: InProcessApi) -> None:
    """quotas.md §2: datawallet modifications with `createdBy = X`"""
    given_tier_quota(Metric.NUMBER_OF_CREATED_DATAWALLET_MODIFICATIONS, 1, Period.WEEK)
    caller = given_owner(api, modification(1), modification(2))
    assert push(api, caller, 1, modification(1), modification(2), modification(3)).status == 201

    assert usages(api, caller, Metric.NUMBER_OF_CREATED_DATAWALLET_MODIFICATIONS) == [5]


def test_the_tier_of_identities_that_are_going_to_be_deleted_shows_its_quotas(api: InProcessApi) -> None:
    """quotas.md §7: (so 8 definitions)"""
    caller = active_caller("TIR00000000000000001", "ToBeDeleted")

    found = [quota for quotas in quotas_of(api, caller).values() for quota in quotas]

    assert len(found) == 8
    assert {(quota["source"], quota["max"], quota["period"]) for quota in found} == {("Tier", 0, "Total")}
    assert TIER != "TIR00000000000000001"
