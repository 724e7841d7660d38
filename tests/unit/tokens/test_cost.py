"""What requests cost, exactly as docs/data-model.md says.  Against DynamoDB Local, which reports capacity units."""

import base64
from collections.abc import Callable

import pytest

from tests.support.api import Answer, InProcessApi, new_caller
from tests.support.builders import given_identity
from tests.support.metering import metered
from tests.unit.tokens.scenes import (
    PASSWORD,
    TOKENS,
    WRONG_PASSWORD,
    fill,
    get,
    given_failed_attempts,
    given_token,
    in_the_future,
)

pytestmark = pytest.mark.local_dynamodb

GET, BATCH, QUERY = "GetItem", "BatchGetItem", "Query"
PUT, UPDATE, TRANSACT = "PutItem", "UpdateItem", "TransactWriteItems"
SMALL, THREE_KB = base64.b64encode(b"small").decode(), base64.b64encode(bytes(2900)).decode()
LARGE = base64.b64encode(bytes(20_000)).decode()


@pytest.fixture
def api(local_dynamodb: None) -> InProcessApi:
    """Tokens on DynamoDB Local."""
    return InProcessApi(["tokens"])


def cost(request: Callable[[], Answer], status: int = 200) -> tuple[list[str], float, float]:
    """The calls, and the read and write units, of a request."""
    with metered() as meter:
        answer = request()
    assert answer.status == status, answer.body
    return meter.calls, meter.read_units, meter.write_units


@pytest.mark.parametrize(("content", "units"), [(SMALL, 2 + 2), (THREE_KB, 8 + 2), (LARGE, 2 + 2)])
def test_a_token_costs_one_read_of_quotas_and_one_transaction_with_its_count(
    api: InProcessApi, content: str, units: int
) -> None:
    """The place in the index (1 WCU, and 1 more for an identity's) is not reported for transactions."""
    members, creator = {"content": content, "expiresAt": in_the_future(days=1)}, new_caller()
    given_identity(creator.address)
    given_token(api, creator)  # the tier is known, and there is a count

    assert cost(lambda: api.post(TOKENS, members, caller=creator), 201) == ([BATCH, TRANSACT], 2, units)


def test_an_anonymous_token_has_no_place_in_the_index(api: InProcessApi) -> None:
    assert cost(lambda: api.post(TOKENS, {"expiresAt": in_the_future(minutes=1)}), 201) == ([PUT], 0, 1)


def test_reading_costs_one_trip_and_the_first_time_a_write(api: InProcessApi) -> None:
    creator, reader = new_caller(), new_caller()
    token_id = given_token(api, creator, password=PASSWORD)

    # DynamoDB Local does not charge for the allocation that is not there; AWS does.
    assert cost(lambda: get(api, token_id, creator)) == ([BATCH], 1, 0)
    assert cost(lambda: get(api, token_id, reader, PASSWORD)) == ([BATCH, PUT], 1, 2)
    assert cost(lambda: get(api, token_id, reader)) == ([BATCH], 2, 0)


def test_polling_anonymously_costs_one_read(api: InProcessApi) -> None:
    token_id = given_token(api, None)

    assert cost(lambda: get(api, token_id, None)) == ([GET], 1, 0)
    fill(api, token_id, new_caller())
    assert cost(lambda: get(api, token_id, None)) == ([GET], 1, 0)


@pytest.mark.parametrize(("content", "units"), [(SMALL, 1), (THREE_KB, 4), (LARGE, 1)])
def test_a_wrong_password_costs_one_write(api: InProcessApi, content: str, units: int) -> None:
    token_id = given_token(api, new_caller(), content=content, password=PASSWORD)
    personal = given_token(api, new_caller(), password=PASSWORD, forIdentity=new_caller().address)

    assert cost(lambda: get(api, token_id, None, WRONG_PASSWORD), 404) == ([GET, UPDATE], 1, units)
    given_failed_attempts(token_id, 99)
    assert cost(lambda: get(api, token_id, None, WRONG_PASSWORD), 400) == ([GET, UPDATE], 1, units)
    assert cost(lambda: get(api, token_id, None, WRONG_PASSWORD), 400) == ([GET], 1, 0)
    assert cost(lambda: get(api, personal, None, WRONG_PASSWORD), 404) == ([GET], 1, 0)


@pytest.mark.parametrize(("content", "units"), [(SMALL, 1), (THREE_KB, 4), (LARGE, 1)])
def test_filling_costs_two_trips(api: InProcessApi, content: str, units: int) -> None:
    creator, other = new_caller(), new_caller()
    anonymous, own = given_token(api, None), given_token(api, creator, content=None)

    # The index: a new entry, or one removed and one added.
    assert cost(lambda: fill(api, anonymous, other, newContent=content)) == ([GET, UPDATE], 1, units + 1)
    assert cost(lambda: fill(api, own, other, newContent=content)) == ([GET, UPDATE], 1, units + 2)
    assert cost(lambda: fill(api, own, other, newContent=content), 400)[0] == [GET]


def test_a_list_costs_two_units_each(api: InProcessApi) -> None:
    creator, reader = new_caller(), new_caller()
    ids = [given_token(api, creator) for _ in range(51)]
    for id in ids[:2]:
        get(api, id, reader)

    assert cost(lambda: api.get(TOKENS, query={"ids": ids[:2]}, caller=reader)) == ([BATCH], 4, 0)
    assert cost(lambda: api.get(TOKENS, query={"ids": ids}, caller=reader))[0] == [BATCH] * 2


def test_deleting_costs_two_trips(api: InProcessApi) -> None:
    creator = new_caller()
    token_id = given_token(api, creator)
    for _ in range(2):
        get(api, token_id, new_caller())

    assert cost(lambda: api.delete(f"{TOKENS}/{token_id}", caller=new_caller()), 403) == ([QUERY], 1, 0)
    assert cost(lambda: api.delete(f"{TOKENS}/{token_id}", caller=creator), 204) == ([QUERY, TRANSACT], 1, 6)


def test_what_others_have_stored_costs_nothing(api: InProcessApi) -> None:
    creator, reader = new_caller(), new_caller()
    token_id = given_token(api, creator)
    alone = cost(lambda: get(api, token_id, creator))
    for _ in range(30):
        get(api, token_id, new_caller())
        given_token(api, creator)

    assert cost(lambda: get(api, token_id, creator)) == alone
    assert cost(lambda: get(api, token_id, reader))[0] == [BATCH, PUT]
