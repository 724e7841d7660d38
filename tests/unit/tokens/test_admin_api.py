"""Tokens for operators, over HTTP.  Contract: admin-api.md, sections 3.2, 11.4, 11.5 and 19; tokens.md, checklist."""

from datetime import timedelta
from functools import partial

import pytest

from backbone import clock, payloads
from backbone.settings import settings
from tests.support.api import Answer, InProcessApi, new_caller
from tests.support.metering import metered
from tests.unit.tokens.scenes import (
    CONTENT,
    INVALID,
    INVALID_PAGE_SIZE,
    LOCKED,
    NOT_FOUND,
    PASSWORD,
    UNKNOWN,
    UNPARSABLE,
    WRONG_PASSWORD,
    at,
    failed_attempts,
    fill,
    get,
    given_expired,
    given_failed_attempts,
    given_token,
    stored,
    table,
)

pytestmark = pytest.mark.slow

TOKENS = "/api/v1/Tokens"
NOBODY = "did:e:localhost:dids:nobody"


@pytest.fixture
def admin(moto: None) -> InProcessApi:
    """Tokens for operators, on the same tables as `api`."""
    return InProcessApi(["tokens"], admin=True)


def listed(admin: InProcessApi, created_by: str, **query: object) -> Answer:
    return admin.get(TOKENS, query={"createdBy": created_by, **query})


def reset(admin: InProcessApi, token_id: str) -> Answer:
    return admin.patch(f"{TOKENS}/{token_id}/ResetAccessFailedCount")


@pytest.mark.parametrize("path", [f"{TOKENS}?createdBy={NOBODY}", f"{TOKENS}/{UNKNOWN}/ResetAccessFailedCount"])
def test_nobody_gets_in_without_a_key(admin: InProcessApi, path: str) -> None:
    """admin-api.md §19: any endpoint without `X-API-KEY` -> 401, empty body"""
    call = partial(admin.patch, path) if path.endswith("Count") else partial(admin.get, path.partition("?")[0])

    answer = call(headers={"X-API-KEY": "wrong"})

    assert (answer.status, answer.body) == (401, "")


@pytest.mark.parametrize("query", [{}, {"PageNumber": 1, "PageSize": 5}])
def test_an_identity_without_tokens_has_an_empty_list(admin: InProcessApi, query: dict[str, int]) -> None:
    """admin-api.md §19: `GET /Tokens?createdBy=&PageNumber=1&PageSize=5` for identity without tokens -> 200 `[]`;
    tokens.md, checklist: admin list for an identity without tokens -> 200 with `[]`"""
    answer = listed(admin, new_caller().address, **query)

    assert (answer.status, answer.json) == (200, {"result": []})


@pytest.mark.parametrize("text", [NOBODY, "x" * 3000, "\ud83d\ude00", "a'b", " "])
def test_what_is_no_address_has_no_tokens(admin: InProcessApi, text: str) -> None:
    """tokens.md §3.6: `createdBy` is not validated as an address; unknown gives an empty list"""
    assert listed(admin, text.encode("utf-16", "surrogatepass").decode("utf-16")).json == {"result": []}


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({}, UNPARSABLE),
        ({"createdBy": ""}, UNPARSABLE),
        ({"createdBy": NOBODY, "PageNumber": "abc"}, UNPARSABLE),
        ({"createdBy": NOBODY, "PageSize": 201}, INVALID_PAGE_SIZE),
        ({"createdBy": NOBODY, "PageNumber": 0}, INVALID),
        ({"createdBy": NOBODY, "PageNumber": -1, "PageSize": 5}, INVALID),
        ({"createdBy": NOBODY, "PageSize": 0}, INVALID),
        ({"createdBy": NOBODY, "PageSize": 201, "PageNumber": 0}, INVALID_PAGE_SIZE),
    ],
)
def test_what_the_list_refuses(admin: InProcessApi, query: dict[str, str], error: tuple[int, str]) -> None:
    """admin-api.md §11.4: `createdBy` missing/empty 400; `PageNumber` or `PageSize` < 1 -> 400
    `error.platform.validation.invalidPropertyValue`; §19: `PageSize=201` -> 400
    `error.platform.validation.pagination.invalidPageSize`"""
    assert admin.get(TOKENS, query=query).error == error


def test_a_listed_token(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §11.4: Fields: `id`, `createdBy`, `createdByDevice`, `forIdentity`|null, `createdAt`, `expiresAt`,
    `content` base64url|null, `isPasswordProtected` bool"""
    creator, reader = new_caller(), new_caller()
    token_id = given_token(api, creator, forIdentity=reader.address, password=PASSWORD)

    [token] = listed(admin, creator.address).result

    assert token == {
        "id": token_id,
        "createdBy": creator.address,
        "createdByDevice": creator.device_id,
        "forIdentity": reader.address,
        "createdAt": stored(token_id)["createdAt"],
        "expiresAt": stored(token_id)["expiresAt"],
        "content": CONTENT,
        "isPasswordProtected": True,
    }


def test_tokens_are_listed_oldest_first_whatever_their_state(
    admin: InProcessApi, api: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """tokens.md §3.6: Items like 3.2, including expired tokens, `createdAt` ascending"""
    creator, now = new_caller(), clock.now()
    made: dict[int, str] = {}
    for number in (2, 0, 1):
        at(monkeypatch, now + timedelta(milliseconds=number))
        made[number] = given_token(api, creator, content=None if number == 1 else CONTENT)
    at(monkeypatch, now + timedelta(milliseconds=3))
    filled = given_token(api, None)
    fill(api, filled, creator)
    given_expired(made[0])
    given_failed_attempts(made[2], 100)

    tokens = listed(admin, creator.address).result

    assert [token["id"] for token in tokens] == [made[0], made[1], made[2], filled]
    assert [token["content"] for token in tokens] == [CONTENT, None, CONTENT, CONTENT]


def test_without_a_page_size_everything_is_on_one_page(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §3.2: Tokens: none: everything on one page"""
    creator = new_caller()
    ids = {given_token(api, creator) for _ in range(70)}

    for query in ({}, {"PageNumber": 1}):
        answer = listed(admin, creator.address, **query)
        assert {token["id"] for token in answer.result} == ids
        assert list(answer.json) == ["result"]


def test_pages_of_tokens(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §3.2: If the total number of pages is more than one: `pagination`; otherwise without; a page beyond
    the end reports a wrong total"""
    creator = new_caller()
    ids = [given_token(api, creator) for _ in range(5)]

    answers = [listed(admin, creator.address, PageNumber=number, PageSize=2) for number in (1, 2, 3, 4)]

    assert sorted(token["id"] for answer in answers for token in answer.result) == sorted(ids)
    assert [answer.json["pagination"] for answer in answers] == [
        {"pageNumber": number, "pageSize": 2, "totalPages": pages, "totalRecords": total}
        for number, pages, total in ((1, 3, 5), (2, 3, 5), (3, 3, 5), (4, 3, 6))
    ]
    assert "pagination" not in listed(admin, creator.address, PageSize=5).json


def test_the_content_of_large_tokens_is_shown(
    admin: InProcessApi, api: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKBONE_INLINE_PAYLOAD_BYTES", "0")
    settings.cache_clear()
    creator = new_caller()
    for _ in range(3):
        given_token(api, creator)

    assert [token["content"] for token in listed(admin, creator.address).result] == [CONTENT] * 3


def test_a_token_deleted_meanwhile_is_left_out(
    admin: InProcessApi, api: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    creator = new_caller()
    kept, gone, dead = sorted(given_token(api, creator) for _ in range(3))
    loading = payloads.load

    def load(item: dict[str, object], name: str) -> bytes | None:
        if item["pk"] == gone:
            raise payloads.PayloadGone(gone)
        return loading(item, name)

    monkeypatch.setattr(payloads, "load", load)
    finding = type(table()).query_all

    def query_all(self: object, *arguments: object, **options: object) -> list[object]:
        found = list(finding(self, *arguments, **options))  # type: ignore[arg-type]
        table().delete({"pk": dead, "sk": "T"})
        return found  # type: ignore[return-value]

    monkeypatch.setattr("backbone.dynamodb.Table.query_all", query_all)

    answer = listed(admin, creator.address, PageSize=3)

    assert [token["id"] for token in answer.result] == [kept]
    assert "pagination" not in answer.json


def test_the_count_of_a_token_that_does_not_exist_cannot_be_reset(admin: InProcessApi) -> None:
    """admin-api.md §19: `PATCH /Tokens/TOKANonExistingIdxxx/ResetAccessFailedCount` -> 404; tokens.md, checklist:
    ResetAccessFailedCount unknown -> 404"""
    assert reset(admin, "TOKANonExistingIdxxx").error == NOT_FOUND


@pytest.mark.parametrize("token_id", ["FILabc", "TOK!", "TOK" + 18 * "a"])
def test_a_malformed_id_is_refused(admin: InProcessApi, token_id: str) -> None:
    """admin-api.md §11.5: Malformed id 400 `error.platform.validation.invalidPropertyValue`"""
    assert reset(admin, token_id).error == INVALID


def test_a_locked_token_can_be_unlocked_and_locked_again(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §19: on a locked token -> 204 and token readable with the right password again; tokens.md,
    checklist: locked token -> 204 and readable again with the right password"""
    token_id = given_token(api, new_caller(), password=PASSWORD)
    for _ in range(2):
        given_failed_attempts(token_id, 99)
        assert get(api, token_id, new_caller(), WRONG_PASSWORD).error == LOCKED

        answer = reset(admin, token_id)

        assert (answer.status, answer.body) == (204, "")
        assert failed_attempts(token_id) == 0
        assert get(api, token_id, new_caller(), PASSWORD).status == 200


@pytest.mark.local_dynamodb
def test_a_page_of_tokens_costs_the_same_wherever_it_is(local_dynamodb: None) -> None:
    """data-model.md, tokens: Admin: list: 0.5 RCU per 30 tokens of the identity + 1 RCU for each of the page"""
    api, admin = InProcessApi(["tokens"]), InProcessApi(["tokens"], admin=True)
    creator = new_caller()
    for _ in range(60):
        given_token(api, creator)

    for number in (1, 2, 6):
        with metered() as meter:
            assert len(listed(admin, creator.address, PageNumber=number, PageSize=10).result) == 10

        assert meter.calls == ["Query", "BatchGetItem"]
        assert (meter.read_units, meter.write_units) == (1 + 10, 0)
