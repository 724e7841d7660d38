"""A write whose answer gets lost takes effect once, and succeeds.  On both engines."""

import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError

from backbone.dynamodb import (
    ConditionFailed,
    Table,
    TransactionFailed,
    client,
    decode,
    delete_all,
    transact,
    write,
)
from backbone.settings import settings
from tests.support.lost_answers import answers_lost
from tests.support.protection import UnprotectedWrite

NEW = "attribute_not_exists(pk)"
KEY = {"pk": "a", "sk": "S"}


@pytest.fixture
def table(engine: str) -> Table:
    return Table(settings().devices_table)


def test_a_put_recognises_what_it_has_put(table: Table) -> None:
    with answers_lost() as losses:
        table.put({**KEY, "n": 1}, condition=NEW)

    assert losses.lost == ["PutItem"]
    assert table.get(KEY) == {**KEY, "n": 1}


def test_a_put_that_lost_has_lost_also_when_it_is_repeated(table: Table) -> None:
    table.put({**KEY, "n": 1}, condition=NEW)

    with answers_lost(), pytest.raises(ConditionFailed) as lost:
        table.put({**KEY, "n": 2}, condition=NEW)

    assert lost.value.item == {**KEY, "n": 1}


@pytest.mark.parametrize(
    "expression", ["ADD #n :one", "SET #n = if_not_exists(#n, :zero) + :one", "ADD #n :one SET #zero = :zero"]
)
@pytest.mark.parametrize("condition", [None, "attribute_not_exists(#n) OR #n < :many"])
def test_an_update_counts_once(table: Table, expression: str, condition: str | None) -> None:
    values = {"one": 1, **({"zero": 0} if "zero" in expression else {}), **({"many": 9} if condition else {})}
    table.update(KEY, expression, values, condition=condition)

    with answers_lost():
        after = table.update(KEY, expression, values, condition=condition)

    assert after["n"] == 2
    assert table.get(KEY) == after


def test_an_update_that_ends_its_own_condition_succeeds(table: Table) -> None:
    table.put({**KEY, "status": "old"})

    with answers_lost():
        after = table.update(KEY, "SET #status = :new", {"new": "new", "old": "old"}, condition="#status = :old")

    assert after == {**KEY, "status": "new"}


def test_a_list_grows_once(table: Table) -> None:
    table.put({**KEY, "list": []})

    with answers_lost():
        table.update(KEY, "SET #list = list_append(#list, :new) REMOVE #other", {"new": ["x"]})

    assert table.get(KEY) == {**KEY, "list": ["x"]}


def test_a_removal_that_finds_nothing_the_second_time_has_succeeded(table: Table) -> None:
    table.put({**KEY})

    with answers_lost():
        table.delete(KEY, condition="attribute_exists(pk)")

    assert table.get(KEY) is None


def test_a_removal_that_finds_nothing_the_first_time_has_not(table: Table) -> None:
    with pytest.raises(ConditionFailed):
        table.delete(KEY, condition="attribute_exists(pk)")


def test_a_removal_does_not_take_somebody_elses_new_item_for_its_own(table: Table) -> None:
    table.put({**KEY, "n": 1})

    def others() -> None:
        table.put({**KEY, "n": 2})

    with answers_lost(lambda number: number == 0, meanwhile=others), pytest.raises(ConditionFailed) as lost:
        table.delete(KEY, condition="#n = :one", values={"one": 1})

    assert lost.value.item == {**KEY, "n": 2}


@pytest.mark.parametrize("others", [1, 2])
def test_an_update_is_recognised_below_one_update_of_another_but_not_below_two(table: Table, others: int) -> None:
    table.put({**KEY, "status": "old", "n": 0})

    def meanwhile() -> None:
        for _ in range(others):
            table.update(KEY, "ADD #n :one", {"one": 1})

    def change() -> Any:
        return table.update(KEY, "SET #status = :new", {"new": "new", "old": "old"}, condition="#status = :old")

    with answers_lost(lambda number: number == 0, meanwhile=meanwhile):
        if others == 1:
            assert change() == {**KEY, "status": "new", "n": 1}
        else:
            with pytest.raises(ConditionFailed):
                change()


def test_an_update_that_arrives_late_a_second_time_does_not_undo_the_next_one(table: Table) -> None:
    """The network delivers the first copy of a request after its repetition has been answered."""
    with answers_lost(meanwhile=lambda: table.update(KEY, "SET #x = :x", {"x": "next"})) as losses:
        losses.lose = lambda number: number == 0
        after = table.update(KEY, "SET #x = :x", {"x": "first"})

    assert after["x"] == "next"
    assert table.get(KEY) == {**KEY, "x": "next"}


def test_a_transaction_is_repeated_with_its_token(table: Table) -> None:
    table.put({**KEY, "n": 0})

    with answers_lost() as losses:
        transact(
            [
                table.updating(KEY, "ADD #n :one", {"one": 1}),
                table.putting({"pk": "b", "sk": "S"}, condition=NEW),
            ]
        )

    assert losses.lost == ["TransactWriteItems"]
    assert table.get(KEY) == {**KEY, "n": 1}


def test_a_transaction_that_lost_has_lost_also_when_it_is_repeated(table: Table) -> None:
    table.put({**KEY, "n": 0})

    with answers_lost(), pytest.raises(TransactionFailed) as lost:
        transact([table.putting({**KEY}, condition=NEW), table.putting({"pk": "b", "sk": "S"})])

    assert lost.value.failed == {0: {**KEY, "n": 0}}
    assert table.get({"pk": "b", "sk": "S"}) is None


def test_batches_may_be_repeated(table: Table) -> None:
    table.put({**KEY})

    with answers_lost() as losses:
        assert delete_all(table, [KEY]) == 1

    assert losses.lost == ["BatchWriteItem"]
    assert table.get(KEY) is None


def test_nobody_sees_the_marks(table: Table) -> None:
    table.put({**KEY, "n": 1}, condition=NEW)
    changed = table.update(KEY, "ADD #n :one", {"one": 1})

    with pytest.raises(ConditionFailed) as lost:
        table.put({**KEY}, condition=NEW)

    (stored,) = client().scan(TableName=table.name)["Items"]
    assert {"_m", "_p"} < set(stored)
    seen = [changed, lost.value.item, table.get(KEY), *table.query("pk = :pk", {"pk": "a"}).items, decode(stored)]
    assert seen == [{**KEY, "n": 2}] * len(seen)


def test_marks_are_twenty_bytes_at_most(table: Table) -> None:
    table.update(KEY, "ADD #n :one", {"one": 1})
    table.update(KEY, "ADD #n :one", {"one": 1})

    (stored,) = client().scan(TableName=table.name)["Items"]
    assert sum(len(name) + len(value["S"]) for name, value in stored.items() if name.startswith("_")) == 20


@pytest.mark.usefixtures("moto")
def test_a_transaction_that_is_still_being_executed_is_asked_for_with_the_same_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table, tokens = Table(settings().devices_table), list[str]()
    send = client().transact_write_items

    def still_busy(**request: Any) -> Any:
        tokens.append(request["ClientRequestToken"])
        if len(tokens) == 1:
            raise client().exceptions.TransactionInProgressException({"Error": {"Code": "…"}}, "TransactWriteItems")
        return send(**request)

    monkeypatch.setattr(client(), "transact_write_items", still_busy)
    transact([table.putting({**KEY})])

    assert len(tokens) == 2
    assert tokens[0] == tokens[1]
    assert table.get(KEY) == KEY


@pytest.mark.usefixtures("moto")
@pytest.mark.parametrize(
    "call",
    [
        lambda name: client().put_item(TableName=name, Item={}, ConditionExpression=NEW),
        lambda name: client().update_item(TableName=name, Key={}, UpdateExpression="ADD n :one"),
        lambda name: client().transact_write_items(TransactItems=[]),
    ],
)
def test_a_write_around_the_layer_fails_in_every_test(call: Any) -> None:
    with pytest.raises(UnprotectedWrite):
        call(settings().devices_table)


@pytest.mark.local_dynamodb
@pytest.mark.usefixtures("local_dynamodb")
def test_counters_are_right_when_every_second_answer_gets_lost() -> None:
    table, failures = Table(settings().devices_table), list[BaseException]()

    def add_ten(number: int) -> None:
        try:
            for _ in range(10):
                table.update({"pk": "c", "sk": str(number)}, "ADD #n :one", {"one": 1})
                transact([table.updating({"pk": "c", "sk": "all"}, "ADD #n :one", {"one": 1})])
        except BaseException as failure:
            failures.append(failure)

    with answers_lost(lambda number: number % 2 == 0):
        threads = [threading.Thread(target=add_ten, args=[number]) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert not failures
    assert [item["n"] for item in table.query("pk = :c", {"c": "c"}).items] == [10, 10, 10, 10, 40]


def test_a_single_write_of_a_unit_is_protected_as_well(table: Table) -> None:
    with answers_lost():
        write(table.putting({**KEY}, condition=NEW))

    assert table.get(KEY) == KEY


def test_other_errors_stay_what_they_are(table: Table) -> None:
    with pytest.raises(ClientError):
        table.update({"pk": "only half of the key"}, "ADD #n :one", {"one": 1})
