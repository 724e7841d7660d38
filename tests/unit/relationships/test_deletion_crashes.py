"""A deletion that breaks off between any two writes is finished by the next delivery of its event."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from backbone.addresses import Address
from backbone.caller import Caller
from backbone.dynamodb import delete_all
from backbone.readmodels.relationships import has_left_all, table
from tests.support.api import InProcessApi
from tests.support.builders import given_relationship
from tests.support.witness import Killed, witnessed
from tests.unit.relationships.deletion_scenes import PROCESS, PSEUDONYM, deleted, flags_changed, to_be_deleted, traces
from tests.unit.relationships.scenes import Two, active_caller, create, given_template, stored_items

pytestmark = pytest.mark.slow


@dataclass
class World:
    """An identity with something of everything, and what does not concern it.

    `peers` are its relationships as the others see them; the last one has been decomposed by its peer.
    """

    leaving: Caller
    peers: list[Two]
    template_ids: list[str]
    bystanders: list[str]


def world(api: InProcessApi) -> World:
    leaving, owner, guest = active_caller(), active_caller(), active_caller()
    own = given_template(api, leaving, maxNumberOfAllocations=5)
    personal = given_template(api, owner, forIdentity=leaving.address)
    common = given_template(api, owner)
    peers = [
        Two(api, guest, leaving, create(api, own, guest).result["id"]),
        Two(api, owner, leaving, create(api, common, leaving).result["id"]),
    ]
    for status in ("Active", "DeletionProposed"):
        peer = active_caller()
        peers.append(Two(api, peer, leaving, given_relationship(peer.address, leaving.address, status).id))
    given_relationship(guest.address, owner.address)
    touched = {own, personal, common, *(one.id for one in peers)}
    named = leaving.address
    bystanders = [str(item) for item in stored_items() if item["pk"] not in touched and named not in item["pk"]]
    return World(leaving, peers, [own, personal, common], bystanders)


def killed_before_every_write(
    api: InProcessApi, react: Callable[[Address], None]
) -> Iterator[tuple[World, list[dict[str, Any]]]]:
    """Worlds in which the reaction was killed before its first, second, … write, and then repeated; the events told."""
    for nth in count(1):
        here = world(api)
        with witnessed(kill_before=nth) as first:
            try:
                react(here.leaving.address)
            except Killed:
                pass
            else:
                return
        with witnessed() as second:
            react(here.leaving.address)
        yield here, [*first.events, *second.events]
        delete_all(table(), [{"pk": item["pk"], "sk": item["sk"]} for item in stored_items()])


def test_a_deletion_killed_anywhere_is_finished_by_repeating_it(api: InProcessApi) -> None:
    deaths = 0
    for here, events in killed_before_every_write(api, deleted):
        deaths += 1
        items = stored_items()
        assert has_left_all(PROCESS)
        assert traces(here.leaving.address) == []
        assert not set(here.bystanders) - set(map(str, items))
        alive = here.peers[:-1]
        assert {(event["name"], event["payload"].get("relationshipId")) for event in events} == {
            *(("PeerDeleted", peer.id) for peer in alive),
            *(("RelationshipStatusChanged", peer.id) for peer in here.peers),
            ("IdentityDataDeleted", None),
        }
        for peer in alive:
            seen = peer.get(peer.from_).result
            assert seen["status"] == "DeletionProposed"
            assert PSEUDONYM in (seen["from"], seen["to"])
            assert [entry["reason"] for entry in seen["auditLog"]].count("DecompositionDueToIdentityDeletion") == 1
        own, personal, common = here.template_ids
        assert [item for item in items if item["pk"] == own] == []
        assert [item["forIdentity"] for item in items if item["pk"] == personal] == [PSEUDONYM]
        allocators = [item["allocatedBy"] for item in items if item["pk"] == common and item["sk"].startswith("A#")]
        assert allocators == [PSEUDONYM]
    assert deaths == 16


@pytest.mark.parametrize(
    ("react", "name"), [(to_be_deleted, "PeerToBeDeleted"), (flags_changed, "PeerFeatureFlagsChanged")]
)
def test_news_killed_anywhere_reach_everybody_once(
    api: InProcessApi, react: Callable[[Address], None], name: str
) -> None:
    deaths = 0
    for here, events in killed_before_every_write(api, react):
        deaths += 1
        assert [event["name"] for event in events] == [name] * (len(here.peers) - 1)
        assert len({event["id"] for event in events}) == len(events)
    assert deaths == len(here.peers) - 1
