"""Nothing keeps the address of a deleted identity, whatever there was before.

Contract: operations.md, section 10; where the reference lets an address stand (relationships.md, section 11.10;
files.md, section 6: `modifiedBy`), we do not (docs/decisions/deletion-of-identities.md).
"""

from collections.abc import Callable

import pytest

from backbone import clock
from backbone.events import EventEnvelope
from backbone.quotas import Metric
from tests.support.builders import given_announcement, given_individual_quota
from tests.support.crashes import dying_everywhere, writing_twice
from tests.support.lives import CONTENT, Lives, Person, no_interference
from tests.unit.files.uploads import claim
from tests.unit.lives.test_second_lives import in_minutes, live, sync, upload

pytestmark = pytest.mark.slow

KEPT_DAYS = 31
History = Callable[[Lives, Person, Person], None]
Disturbance = Callable[[EventEnvelope, Callable[[], None]], None]


def decomposed_by_it(lives: Lives, leaving: Person, friend: Person) -> None:
    relationship_id = exchange(leaving, friend)
    leaving.act(relationship_id, "Terminate")
    leaving.act(relationship_id, "Decompose")


def decomposed_by_the_peer(lives: Lives, leaving: Person, friend: Person) -> None:
    relationship_id = exchange(leaving, friend)
    leaving.act(relationship_id, "Terminate")
    friend.act(relationship_id, "Decompose")


def decomposed_by_both(lives: Lives, leaving: Person, friend: Person) -> None:
    decomposed_by_it(lives, leaving, friend)
    friend.act(lives.relationship_of(leaving, friend), "Decompose")


def decomposed_and_removed(lives: Lives, leaving: Person, friend: Person) -> None:
    decomposed_by_both(lives, leaving, friend)
    lives.pass_time(days=KEPT_DAYS)
    lives.remove_expired()


def decomposed_again_and_again(lives: Lives, leaving: Person, friend: Person) -> None:
    decomposed_by_both(lives, leaving, friend)
    decomposed_and_removed(lives, friend, leaving)
    exchange(leaving, friend)


def decomposed_with_consumers_that_are_late(lives: Lives, leaving: Person, friend: Person) -> None:
    relationship_id = exchange(leaving, friend)
    leaving.act(relationship_id, "Terminate")
    leaving.act(relationship_id, "Decompose", settle=False)


def rejected(lives: Lives, leaving: Person, friend: Person) -> None:
    relationship_id = leaving.ask(friend)
    leaving.send(friend)
    friend.act(relationship_id, "Reject")


def rejected_and_decomposed(lives: Lives, leaving: Person, friend: Person) -> None:
    rejected(lives, leaving, friend)
    for person in (leaving, friend):
        person.act(lives.relationship_of(leaving, friend), "Decompose")
    friend.ask(leaving)


def peer_deleted_before(lives: Lives, leaving: Person, friend: Person) -> None:
    exchange(leaving, friend)
    lives.delete(friend)


def peer_deleted_after_decomposition(lives: Lives, leaving: Person, friend: Person) -> None:
    decomposed_by_it(lives, leaving, friend)
    lives.delete(friend)


def peer_deleted_at_the_same_time(lives: Lives, leaving: Person, friend: Person) -> None:
    exchange(leaving, friend)
    friend.start_deletion()


def everything(lives: Lives, leaving: Person, friend: Person) -> None:
    live(leaving, friend)


def things_that_change_hands(lives: Lives, leaving: Person, friend: Person) -> None:
    third = lives.person()
    for first, second, last in ((friend, leaving, third), (leaving, friend, third), (third, friend, leaving)):
        file = upload(first)
        new = claim(lives.api, file["id"], file["ownershipToken"], second.caller).result["newOwnershipToken"]
        lives.settle()
        assert claim(lives.api, file["id"], new, last.caller).status == 200
        lives.settle()
    empty = lives.api.post("/api/v2/Tokens", {"expiresAt": in_minutes(4)}).result["id"]
    leaving.call("POST", f"/Tokens/{empty}/UpdateContent", {"newContent": CONTENT})
    friend.call("GET", f"/Tokens/{empty}")


def news_that_nobody_fetches(lives: Lives, leaving: Person, friend: Person) -> None:
    """External events that name it stay in the queues of others until they synchronise."""
    acquaintance = lives.person()
    sync(friend)
    leaving.relate(friend)
    acquaintance.call("GET", f"/RelationshipTemplates/{leaving.template()}")
    leaving.call("PATCH", "/Identities/Self/FeatureFlags", {"aFeature": True})
    given = upload(friend)
    assert claim(lives.api, given["id"], given["ownershipToken"], leaving.caller).status == 200
    lives.settle()
    friend.call("POST", "/SyncRuns", {"type": "ExternalEventSync"}, headers={"X-Supported-Datawallet-Version": "1"})
    leaving.call("PATCH", "/Identities/Self/FeatureFlags", {"aFeature": False})


def announcements_and_quotas(lives: Lives, leaving: Person, friend: Person) -> None:
    given_announcement(leaving.address)
    given_announcement(leaving.address, friend.address)
    given_individual_quota(leaving.address, Metric.NUMBER_OF_TOKENS, 5)
    leaving.start_deletion(days=5)
    [process] = leaving.call("GET", "/Identities/Self/DeletionProcesses")
    leaving.call("PUT", f"/Identities/Self/DeletionProcesses/{process['id']}/Cancel")


HISTORIES = (
    decomposed_by_it,
    decomposed_by_the_peer,
    decomposed_by_both,
    decomposed_and_removed,
    decomposed_again_and_again,
    decomposed_with_consumers_that_are_late,
    rejected,
    rejected_and_decomposed,
    peer_deleted_before,
    peer_deleted_after_decomposition,
    peer_deleted_at_the_same_time,
    everything,
    things_that_change_hands,
    news_that_nobody_fetches,
    announcements_and_quotas,
)


def exchange(one: Person, other: Person) -> str:
    """An active relationship with messages both ways, some of them received."""
    relationship_id = one.relate(other)
    for _ in range(2):
        one.send(other)
        other.send(one)
        one.inbox()
    return relationship_id


@pytest.mark.parametrize("asks", ["leaving", "friend"])
@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: str(history.__name__))
def test_nothing_names_a_deleted_identity(lives: Lives, history: History, asks: str) -> None:
    leaving, friend = lives.person(), lives.person()
    history(lives, *((leaving, friend) if asks == "leaving" else (friend, leaving)))

    lives.delete(leaving)

    ends = clock.epoch_seconds(clock.days_after(clock.now(), KEPT_DAYS))
    left = lives.traces(leaving.address)
    assert [item for _, item in left if item.get("ttl", ends) >= ends] == [], "what stays names it"
    lives.pass_time(days=KEPT_DAYS)
    lives.remove_expired()
    assert lives.traces(leaving.address) == []


@pytest.mark.parametrize("disturbance", [dying_everywhere, writing_twice], ids=["dying", "writing twice"])
@pytest.mark.parametrize(
    "history",
    [decomposed_with_consumers_that_are_late, news_that_nobody_fetches, peer_deleted_at_the_same_time],
    ids=lambda history: str(history.__name__),
)
def test_nothing_is_left_whatever_happens_to_the_consumers(
    lives: Lives, history: History, disturbance: Disturbance
) -> None:
    """events.md §9: every event is delivered at least once, and a function may end anywhere."""
    leaving, friend = lives.person(), lives.person()
    history(lives, leaving, friend)
    lives.interfere = disturbance

    lives.delete(leaving)

    lives.interfere = no_interference
    ends = clock.epoch_seconds(clock.days_after(clock.now(), KEPT_DAYS))
    left = lives.traces(leaving.address)
    assert [item for _, item in left if item.get("ttl", ends) >= ends] == []
    lives.pass_time(days=KEPT_DAYS)
    lives.remove_expired()
    assert lives.traces(leaving.address) == []


def test_events_of_any_age_leave_nothing_either(lives: Lives) -> None:
    """Everything that was ever told of it is told once more after its end (events.md §9: dead letters)."""
    leaving, friend = lives.person(), lives.person()
    news_that_nobody_fetches(lives, leaving, friend)
    relationship_id = lives.relationship_of(leaving, friend)
    leaving.act(relationship_id, "Terminate")
    leaving.act(relationship_id, "Decompose")
    lives.delete(leaving)

    lives.deliver_again(list(lives.told))

    lives.pass_time(days=KEPT_DAYS)
    lives.remove_expired()
    assert lives.traces(leaving.address) == []
