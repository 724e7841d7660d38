"""Two clients at once against the deployed system: exactly one wins, the other gets the contract's error."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from enmeshed.http import Response
from tests.e2e.conftest import relate
from tests.people import Identity

NewIdentity = Callable[[], Identity]
Call = Callable[[], Response]


def at_once(*calls: Call) -> list[Response]:
    """The answers to calls made at the same time."""
    with ThreadPoolExecutor(len(calls)) as threads:
        return [future.result() for future in [threads.submit(call) for call in calls]]


def losers(answers: Sequence[Response]) -> list[tuple[int, str | None]]:
    """Status and code of the refusals; exactly one answer must be none."""
    assert sum(answer.status < 300 for answer in answers) == 1, [answer.body for answer in answers]
    return [(answer.status, answer.error_code) for answer in answers if answer.status >= 300]


def test_two_devices_start_a_sync_run(new_identity: NewIdentity) -> None:
    """synchronization.md §7: two parallel starts: one Created, the other 400 cannotStart…"""
    alice = new_identity()
    second = alice.add_device()
    body = {"type": "DatawalletVersionUpgrade", "duration": 60}
    for device in (alice.device, second):
        device.connection.get("/Datawallet")

    answers = at_once(
        *(
            lambda api=device.connection: api.request("POST", "/SyncRuns", json=body)
            for device in (alice.device, second)
        )
    )

    code = "error.platform.validation.syncRun.cannotStartSyncRunWhenAnotherSyncRunIsRunning"
    assert losers(answers) == [(400, code)]


def test_two_devices_push_with_the_same_local_index(new_identity: NewIdentity) -> None:
    """synchronization.md §11: two parallel pushes with the same localIndex -> exactly one 201"""
    alice = new_identity()
    second = alice.add_device()
    items = list(alice.device.connection.items("/Datawallet/Modifications"))
    modification = {"objectIdentifier": "o", "collection": "c", "type": "Create", "datawalletVersion": 1}
    body = {"localIndex": items[-1]["index"], "modifications": [modification]}

    answers = at_once(
        *(
            lambda api=device.connection: api.request("POST", "/Datawallet/Modifications", json=body)
            for device in (alice.device, second)
        )
    )

    assert losers(answers) == [(400, "error.platform.validation.datawallet.datawalletNotUpToDate")]


def test_two_identities_create_the_same_relationship_in_both_directions(new_identity: NewIdentity) -> None:
    """relationships.md §12: Two concurrent POSTs between the same pair → exactly one 201"""
    pair = new_identity(), new_identity()
    templates = [identity.device.templates.create({}) for identity in pair]

    answers = at_once(
        *(
            lambda api=identity.device.connection, template=template: api.request(
                "POST", "/Relationships", json={"relationshipTemplateId": template.id, "creationContent": "AA"}
            )
            for identity, template in zip(pair, reversed(templates), strict=True)
        )
    )

    code = "error.platform.validation.relationship.relationshipToTargetAlreadyExists"
    assert losers(answers) == [(400, code)]


def test_two_devices_fetch_the_same_message_first(new_identity: NewIdentity) -> None:
    """messages.md §11: GET by recipient sets receivedAt and receivedByDevice once"""
    alice, bob = new_identity(), new_identity()
    relate(alice, bob)
    second = alice.add_device()
    message = bob.device.messages.send([alice.address], {"text": "one"})

    answers = at_once(
        *(
            lambda api=device.connection: api.request("GET", f"/Messages/{message.id}")
            for device in (alice.device, second)
        )
    )

    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].result["recipients"] == answers[1].result["recipients"]
    assert answers[0].result["recipients"][0]["receivedByDevice"] in (alice.device.device_id, second.device_id)
