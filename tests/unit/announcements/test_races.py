"""Races, on DynamoDB Local."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from backbone import clock
from backbone.errors import BackboneError
from functions.announcements.store import AnnouncementStore
from tests.support.api import new_caller
from tests.support.builders import given_announcement

pytestmark = pytest.mark.local_dynamodb
store = AnnouncementStore()


def outcomes(*actions: Callable[[], object]) -> list[str]:
    """What comes of actions at the same time: `done` or an error's code."""

    def outcome(action: Callable[[], object]) -> str:
        try:
            action()
        except BackboneError as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(len(actions)) as threads:
        return list(threads.map(outcome, actions))


def test_one_of_many_deletions_at_once_succeeds(local_dynamodb: None) -> None:
    announcement = given_announcement(*(new_caller().address for _ in range(20)))

    results = outcomes(*[lambda: store.delete(announcement)] * 6)

    assert sorted(results) == ["done", *["error.platform.recordNotFound"] * 5]


def test_forgetting_many_recipients_at_once_leaves_the_others(local_dynamodb: None) -> None:
    """misc.md §2.2: identity deletion removes the identity from all recipient lists"""
    recipients = [new_caller().address for _ in range(12)]
    announcement = given_announcement(*recipients)

    results = outcomes(*[lambda gone=gone: store.forget_recipient(gone) for gone in recipients[:6]])

    now = clock.now()
    assert results == ["done"] * 6
    assert store.get(announcement.id, now=now).recipients == frozenset(recipients[6:])
    assert [len(store.visible_to(each, now=now)) for each in recipients] == [0] * 6 + [1] * 6


def test_a_deletion_and_a_forgotten_recipient_do_not_collide(local_dynamodb: None) -> None:
    for _ in range(5):
        recipient = new_caller().address
        announcement = given_announcement(recipient)

        results = outcomes(lambda it=announcement: store.delete(it), lambda it=recipient: store.forget_recipient(it))

        assert results == ["done", "done"]
        assert store.visible_to(recipient, now=clock.now()) == []
