"""What quotas do to requests of all services that this counts for.  Contract: quotas.md, section 5; http-common.md, §8.

Messages and relationships: tests/unit/messages/test_quota.py, tests/unit/relationships/test_quota.py.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backbone import payloads
from backbone.caller import Caller
from backbone.errors import Forbidden
from backbone.http import Api
from backbone.ids import QUEUED_FOR_DELETION_TIER, TierId
from backbone.quotas import Allowance, Metric, Period
from backbone.readmodels import identities
from functions.tokens import api as tokens_api
from tests.support.api import Answer, InProcessApi, new_caller
from tests.support.builders import given_individual_quota, given_tier_quota, usage_of
from tests.unit.quotas.scenes import (
    CONTENT,
    END_OF_TIME,
    EXHAUSTED,
    INVALID,
    TEMPLATES,
    TOKENS,
    UNPARSABLE,
    active_caller,
    at,
    create_template,
    create_token,
    exhausted,
    upload,
)

NOON = datetime(2030, 2, 14, 12, 0, 0, tzinfo=UTC)
MIB = 1_048_576
ENFORCED: list[tuple[Metric, Any]] = [
    (Metric.NUMBER_OF_FILES, upload),
    (Metric.NUMBER_OF_TOKENS, create_token),
    (Metric.NUMBER_OF_RELATIONSHIP_TEMPLATES, create_template),
]


@pytest.mark.parametrize(("metric", "create"), ENFORCED)
def test_who_has_used_up_his_quota_is_refused(api: InProcessApi, metric: Metric, create: Any) -> None:
    """quotas.md, Checklist: upload with exhausted `NumberOfFiles` -> 429 `error.platform.quotaExhausted` with
    `data[0].metricKey = "NumberOfFiles"`

    http-common.md §14: Exhausted quota -> 429, `error.data[0].metricKey`, `error.data[0].isExhaustedUntil`

    files.md Checklist: POST with exhausted `NumberOfFiles` -> 429 `error.platform.quotaExhausted`

    tokens.md Checklist: POST with exhausted `NumberOfTokens` -> 429
    """
    caller, other = active_caller(), active_caller()
    given_tier_quota(metric, 2)
    assert [create(api, caller).status for _ in range(2)] == [201, 201]

    refusal = create(api, caller)

    assert exhausted(refusal) == [(metric, END_OF_TIME)]
    assert refusal.json["error"]["docs"] == ""
    assert usage_of(caller.address, metric)["total"] == 2
    assert create(api, other).status == 201


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (lambda api, caller: upload(api, caller, expiresAt="yesterday"), UNPARSABLE),
        (lambda api, caller: upload(api, caller, expiresAt="2020-01-01T00:00:00Z"), INVALID),
        (lambda api, caller: upload(api, caller, b""), (400, "InclusiveBetweenValidator")),
        (lambda api, caller: api.post(TOKENS, {}, caller=caller), UNPARSABLE),
        (lambda api, caller: create_token(api, caller, expiresAt="2020-01-01T00:00:00Z"), INVALID),
        (lambda api, caller: create_token(api, caller, forIdentity="x"), INVALID),
        (lambda api, caller: api.post(TEMPLATES, {}, caller=caller), UNPARSABLE),
        (lambda api, caller: create_template(api, caller, expiresAt="2020-01-01T00:00:00Z"), INVALID),
    ],
)
def test_what_is_wrong_with_a_request_is_told_before_its_quota(
    api: InProcessApi, request_: Any, error: tuple[int, str]
) -> None:
    """quotas.md, Checklist: invalid upload with exhausted quota -> 400, not 429

    files.md Checklist: an invalid request with exhausted quota -> 400
    """
    caller = active_caller()
    for metric, _ in ENFORCED:
        given_tier_quota(metric, 0)

    assert request_(api, caller).error == error


@pytest.mark.parametrize(("metric", "create"), ENFORCED)
def test_without_a_valid_token_the_quota_is_not_asked(api: InProcessApi, metric: Metric, create: Any) -> None:
    """quotas.md §5: authentication (401), binding (400), request validation (400), **quota check (429)**, handler"""
    given_tier_quota(metric, 0)
    answer = create(api, None)

    assert answer.status == (201 if create is create_token else 401)


def test_anonymous_callers_are_never_limited(api: InProcessApi) -> None:
    """quotas.md, Checklist: anonymous `POST /Tokens` is never 429

    tokens.md Checklist: anonymous is never limited
    """
    given_tier_quota(Metric.NUMBER_OF_TOKENS, 0)

    assert [create_token(api, None).status for _ in range(3)] == [201, 201, 201]


def test_a_tier_quota_of_one_a_day(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """quotas.md, Checklist: tier quota `NumberOfTokens` max 1 per Day: first POST 201, after event handling second POST
    429 with `isExhaustedUntil` = end of the UTC day"""
    caller = active_caller()
    given_tier_quota(Metric.NUMBER_OF_TOKENS, 1, Period.DAY)
    expires_at = "2030-03-01T00:00:00Z"
    at(monkeypatch, NOON)
    assert create_token(api, caller, expiresAt=expires_at).status == 201

    assert exhausted(create_token(api, caller, expiresAt=expires_at)) == [
        ("NumberOfTokens", "2030-02-14T23:59:59.999Z")
    ]

    at(monkeypatch, NOON.replace(hour=0) + timedelta(days=1))
    assert create_token(api, caller, expiresAt=expires_at).status == 201


def test_the_worked_example_over_http(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """quotas.md §4: 1 per Hour, 2 per Day … Request at 12:30: 429; at 13:05: allowed; then 429 until midnight; admin
    adds an individual quota 100 per Month: allowed

    quotas.md, Checklist: individual quota with larger max than an exhausted tier quota … -> next request allowed
    immediately
    """
    caller, expires_at = active_caller(), "2030-03-01T00:00:00Z"
    given_tier_quota(Metric.NUMBER_OF_TOKENS, 1, Period.HOUR)
    given_tier_quota(Metric.NUMBER_OF_TOKENS, 2, Period.DAY)

    def create(hour: int, minute: int) -> Answer:
        at(monkeypatch, NOON.replace(hour=hour, minute=minute))
        return create_token(api, caller, expiresAt=expires_at)

    assert create(12, 0).status == 201
    assert exhausted(create(12, 30)) == [("NumberOfTokens", "2030-02-14T12:59:59.999Z")]
    assert create(13, 5).status == 201
    assert exhausted(create(13, 30)) == [("NumberOfTokens", "2030-02-14T23:59:59.999Z")]
    given_individual_quota(caller.address, Metric.NUMBER_OF_TOKENS, 100, Period.MONTH)
    assert create(13, 31).status == 201


def test_an_upload_is_limited_by_number_and_by_size(api: InProcessApi) -> None:
    """quotas.md §5: `data` lists only the exhausted ones of the checked metrics (one or two entries for files)."""
    caller = active_caller()
    given_tier_quota(Metric.USED_FILE_STORAGE_SPACE, 1)
    assert upload(api, caller, bytes(MIB - 1)).status == 201
    assert upload(api, caller, bytes(2 * MIB)).status == 201, "what the request itself needs is never considered"

    assert exhausted(upload(api, caller, b"x")) == [("UsedFileStorageSpace", END_OF_TIME)]

    given_tier_quota(Metric.NUMBER_OF_FILES, 2)
    assert exhausted(upload(api, caller, b"x")) == [
        ("NumberOfFiles", END_OF_TIME),
        ("UsedFileStorageSpace", END_OF_TIME),
    ]
    assert usage_of(caller.address, Metric.USED_FILE_STORAGE_SPACE)["total"] == 3 * MIB - 1


def test_a_refused_upload_leaves_nothing_in_s3(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = active_caller()
    given_tier_quota(Metric.NUMBER_OF_FILES, 0)
    monkeypatch.setattr(payloads.client(), "put_object", lambda **_: pytest.fail("put"))

    assert upload(api, caller).error == EXHAUSTED


def test_starting_a_deletion_process_blocks_everything_that_counts_and_cancelling_restores(api: InProcessApi) -> None:
    """quotas.md, Checklist: starting a deletion process -> POST Messages/Files/Tokens/Templates/Relationships -> 429
    with year 9999; datawallet push still works; cancelling restores

    quotas.md, Checklist: tier change clears statuses and recomputes

    At once, because the tier is read with the next request; the whole flow: tests/e2e/test_quotas.py.
    """
    caller = active_caller()
    move_to(caller, QUEUED_FOR_DELETION_TIER)

    for metric, create in ENFORCED:
        found = exhausted(create(api, caller))
        assert found[0] == (metric, END_OF_TIME)
    assert found == [("NumberOfRelationshipTemplates", END_OF_TIME)]
    assert api.post("/api/v2/Challenges", caller=caller).status == 201

    move_to(caller, "TIRbasic000000000000")

    assert [create(api, caller).status for _, create in ENFORCED] == [201, 201, 201]


def test_a_change_of_tier_changes_the_quotas_with_the_next_request(api: InProcessApi) -> None:
    """quotas.md, Checklist: tier change clears statuses and recomputes"""
    caller, large = active_caller(), "TIRlarge000000000000"
    given_tier_quota(Metric.NUMBER_OF_TOKENS, 1, Period.DAY)
    given_tier_quota(Metric.NUMBER_OF_TOKENS, 2, Period.DAY, tier_id=large)
    assert [create_token(api, caller).status for _ in range(2)] == [201, 429]

    move_to(caller, large)

    assert [create_token(api, caller).status for _ in range(2)] == [201, 429]


def test_filling_an_empty_token_is_not_limited(api: InProcessApi) -> None:
    """quotas.md §7: Everything else (… update content of empty tokens …) stays possible."""
    caller = active_caller(QUEUED_FOR_DELETION_TIER, "ToBeDeleted")
    token_id = create_token(api, None).result["id"]

    answer = api.post(f"{TOKENS}/{token_id}/UpdateContent", {"newContent": CONTENT}, caller=caller)

    assert answer.status == 200


def test_other_refusals_come_after_that_of_the_quota(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """http-common.md §2: 6. Quota check … 7. Handler / domain logic."""
    caller = active_caller()

    def refuse(*_: Any, **__: Any) -> None:
        raise Forbidden

    monkeypatch.setattr(tokens_api.store, "add", refuse)
    assert create_token(api, caller).error == (403, "error.platform.forbidden")

    given_tier_quota(Metric.NUMBER_OF_TOKENS, 0)
    assert create_token(api, caller).error == EXHAUSTED


def test_identities_that_do_not_exist_are_not_counted(api: InProcessApi) -> None:
    caller = new_caller()

    assert create_token(api, caller).status == 201
    assert usage_of(caller.address, Metric.NUMBER_OF_TOKENS) == {}


def move_to(caller: Caller, tier_id: str) -> None:
    identities.table().update(identities.key(caller.address), "SET tierId = :tier", {"tier": TierId(tier_id)})


def test_a_limited_route_takes_an_allowance_and_no_other_does() -> None:
    api = Api("tokens")

    def with_allowance(allowance: Allowance) -> None:
        """A route."""

    def without() -> None:
        """Another one."""

    with pytest.raises(TypeError, match="belong together"):
        api.post("/a")(with_allowance)
    with pytest.raises(TypeError, match="belong together"):
        api.put("/b", limited_by=(Metric.NUMBER_OF_FILES,))(without)
    api.put("/c", limited_by=(Metric.NUMBER_OF_FILES,))(with_allowance)
    assert [endpoint.limited_by for endpoint in api.endpoints] == [(Metric.NUMBER_OF_FILES,)]
