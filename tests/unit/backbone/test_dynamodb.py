"""The layer's DynamoDB: conditions, transactions, batches, on both engines."""

import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError

from backbone.dynamodb import ConditionFailed, Table, TransactionFailed, batch_get, client, transact
from backbone.settings import settings


@pytest.fixture
def table(engine: str) -> Table:
    return Table(settings().devices_table)


@pytest.fixture
def other(engine: str) -> Table:
    return Table(settings().challenges_table)


def key(name: str) -> dict[str, str]:
    return {"pk": name, "sk": "S"}


def test_items_come_back_as_they_went_in(table: Table) -> None:
    item = {
        **key("a"),
        "number": 12,
        "big": 2**60,
        "data": b"\x00\xff",
        "empty": b"",
        "flag": False,
        "list": [1, "x", {"deep": b"y"}],
        "map": {},
    }

    table.put({**item, "nothing": None})

    assert table.get(key("a")) == item


def test_a_failed_condition_shows_what_was_there(table: Table) -> None:
    table.put({**key("a"), "status": "old"})

    with pytest.raises(ConditionFailed) as lost:
        table.put({**key("a"), "status": "new"}, condition="attribute_not_exists(pk)")

    assert lost.value.item == {**key("a"), "status": "old"}
    assert table.get(key("a")) == {**key("a"), "status": "old"}


def test_an_update_returns_the_item_as_it_is_now(table: Table) -> None:
    table.put({**key("a"), "count": 1})

    changed = table.update(key("a"), "SET #count = #count + :one", {"one": 1}, condition="attribute_exists(pk)")

    assert changed["count"] == 2
    with pytest.raises(ConditionFailed) as lost:
        table.update(key("b"), "SET #count = :one", {"one": 1}, condition="attribute_exists(pk)")
    assert lost.value.item is None
    table.delete(key("a"), condition="#count = :two", values={"two": 2})
    assert table.get(key("a")) is None


def test_a_transaction_writes_all_or_nothing_and_names_the_losers(table: Table, other: Table) -> None:
    table.put({**key("taken"), "owner": "x"})
    writes = [
        table.putting({**key("new")}),
        table.putting({**key("taken")}, condition="attribute_not_exists(pk)"),
        other.checking({"pk": "missing"}, "attribute_exists(pk)"),
        table.deleting(key("nothing")),
    ]

    with pytest.raises(TransactionFailed) as lost:
        transact(writes)

    assert lost.value.failed == {1: {**key("taken"), "owner": "x"}, 2: None}
    assert table.get(key("new")) is None
    transact([writes[0], table.updating(key("taken"), "SET #owner = :y", {"y": "y"}, condition="attribute_exists(pk)")])
    assert table.get(key("new")) is not None


def test_a_batch_reads_several_tables_in_the_order_asked(table: Table, other: Table) -> None:
    table.put({**key("a")})
    other.put({"pk": "c"})

    found = batch_get((other, {"pk": "c"}), (table, key("missing")), (table, key("a")), (table, key("a")))

    assert found == [{"pk": "c"}, None, key("a"), key("a")]
    assert batch_get() == []


def test_a_batch_may_leave_places_empty(table: Table) -> None:
    table.put({**key("a")})

    assert batch_get(None, (table, key("a")), None) == [None, key("a"), None]
    assert batch_get(None) == [None]


def test_a_batch_of_more_than_a_hundred_keys_is_read_in_parts(table: Table) -> None:
    for number in range(0, 120, 10):
        table.put({**key(str(number)), "n": number})

    found = batch_get(*[(table, key(str(number))) for number in range(120)])

    assert [item["n"] for item in found if item] == list(range(0, 120, 10))


def test_a_query_goes_on_page_after_page(table: Table) -> None:
    for number in range(7):
        table.put({"pk": "p", "sk": f"{number}"})

    page = table.query("pk = :p", {"p": "p"}, limit=3)
    everything = list(table.query_all("pk = :p AND sk > :s", {"p": "p", "s": "1"}, limit=2, forward=False))

    assert [item["sk"] for item in page.items] == ["0", "1", "2"]
    assert page.last_key == {"pk": "p", "sk": "2"}
    assert [item["sk"] for item in everything] == ["6", "5", "4", "3", "2"]
    assert table.count("pk = :p", {"p": "p"}) == 7


@pytest.mark.local_dynamodb
@pytest.mark.usefixtures("local_dynamodb")
def test_colliding_transactions_are_tried_again_until_each_has_written() -> None:
    table = Table(settings().devices_table)
    table.put({**key("counter"), "count": 0})

    def add_one() -> None:
        for _ in range(5):
            transact([table.updating(key("counter"), "SET #count = #count + :one", {"one": 1})])

    threads = [threading.Thread(target=add_one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert table.get(key("counter")) == {**key("counter"), "count": 40}


@pytest.mark.usefixtures("moto")
def test_a_single_write_that_collides_with_a_transaction_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(settings().devices_table)
    update_item = client().update_item
    collisions = 2

    def collide(**request: Any) -> Any:
        nonlocal collisions
        if collisions:
            collisions -= 1
            raise ClientError({"Error": {"Code": "TransactionConflictException"}}, "UpdateItem")
        return update_item(**request)

    monkeypatch.setattr(client(), "update_item", collide)

    assert table.update(key("a"), "ADD #count :one", {"one": 1}) == {**key("a"), "count": 1}
    assert collisions == 0
