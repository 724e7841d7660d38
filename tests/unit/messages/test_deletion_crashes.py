"""A deletion that breaks off between any two writes is finished by the next delivery of its events."""

from collections.abc import Callable
from itertools import count

import pytest

from backbone.addresses import Address
from backbone.dynamodb import Table, delete_all
from backbone.settings import settings
from functions.messages import items
from tests.support.api import InProcessApi
from tests.support.witness import Killed, witnessed
from tests.unit.messages.deletion_scenes import (
    PSEUDONYM,
    Circle,
    left,
    orphaned,
    relationships_are_left,
    stored_items,
    traces,
)

pytestmark = pytest.mark.slow


def number_mailbox(address: Address) -> None:
    """As if it had had fifty entries."""
    for sk in ("HEAD", "ANCHOR#000000050"):
        values = {"epoch": 0, "anchored": 50, "last": "MSG"}
        Table(settings().messages_table).put({"pk": items.box(address), "sk": sk, **values})


def killed_and_repeated(step: Callable[[], None], nth: int, orphans: list[str]) -> bool:
    """Whether the step was killed before its n-th write; then it has been repeated."""
    killed = False
    with witnessed(kill_before=nth) as first:
        try:
            step()
        except Killed:
            killed = True
    with witnessed() as second:
        if killed:
            step()
    events = [*first.events, *second.events]
    orphans += [event["payload"]["messageId"] for event in events if event["name"] == "MessageOrphaned"]
    return killed


def test_every_step_of_two_deletions_can_be_killed_anywhere(api: InProcessApi) -> None:
    deaths = 0
    for nth in count(1):
        circle = Circle(api)
        of_s, of_r1 = circle.sent(), circle.answered()
        number_mailbox(circle.s.address)
        orphans: list[str] = []

        def remove_orphans(found: list[str] = orphans) -> None:
            for message_id in found:
                orphaned(message_id)

        steps: list[Callable[[], None]] = [
            lambda: left(circle.r1, circle.s, circle.to_r1),  # noqa: B023
            lambda: relationships_are_left(circle.r1),  # noqa: B023
            lambda: left(circle.s, PSEUDONYM, circle.to_r1, "ReadyForDeletion"),  # noqa: B023
            lambda: left(circle.s, circle.r2, circle.to_r2),  # noqa: B023
            lambda: relationships_are_left(circle.s),  # noqa: B023
            remove_orphans,
        ]
        killed = [killed_and_repeated(step, nth, orphans) for step in steps]

        deaths += sum(killed)
        assert set(orphans) == {of_r1}
        assert [item for item in stored_items() if of_r1 in (item["pk"], item["sk"])] == []
        assert traces(circle.r1) == traces(circle.s) == []
        assert circle.seen_by(circle.r2, of_s) == (PSEUDONYM, [circle.r2.address])
        delete_all(Table(settings().messages_table), [{"pk": item["pk"], "sk": item["sk"]} for item in stored_items()])
        if not any(killed):
            break
    assert deaths == 22
