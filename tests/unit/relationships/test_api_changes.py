"""What participants do to a relationship, over HTTP.  Contract: relationships.md, sections 3.2, 5 and 12."""

from typing import Any

import pytest

from tests.support.api import InProcessApi, new_caller
from tests.unit.relationships.scenes import (
    INVALID,
    NOT_FOUND,
    RELATIONSHIPS,
    UNPARSABLE,
    Two,
    create,
    given_template,
    refused,
    stored_items,
    two,
)

pytestmark = pytest.mark.slow

WRONG_STATUS = refused("relationshipIsNotInCorrectStatus")
ANSWERS = ["Accept", "Reject", "Revoke"]
ACTIONS = [
    *ANSWERS,
    "Terminate",
    "Reactivate",
    "Reactivate/Accept",
    "Reactivate/Reject",
    "Reactivate/Revoke",
    "Decompose",
]


def assert_told(here: Two, event: str, peer: str, **members: Any) -> None:
    """The last change raised exactly this event for `peer`."""
    [raised] = here.events
    assert raised["name"] == event
    assert raised["relationshipId"] == here.id
    assert raised["peer"] == peer
    assert {name: raised[name] for name in members} == members


def requested(api: InProcessApi) -> Two:
    """A terminated relationship whose reactivation `from` has requested."""
    here = two(api, "Terminated")
    assert here.act("Reactivate", here.from_).status == 200
    return here


def test_strangers_find_nothing(api: InProcessApi) -> None:
    """§12: Any PUT by a non-participant → 404 error.platform.recordNotFound."""
    here = two(api)

    assert {here.act(action, new_caller()).error for action in ACTIONS} == {NOT_FOUND}


@pytest.mark.parametrize(("id", "error"), [("RELunknown", NOT_FOUND), ("RLTx", INVALID), ("REL_", INVALID)])
def test_other_ids_are_refused(api: InProcessApi, id: str, error: tuple[int, str]) -> None:
    """§3.4: id format (400) → 404"""
    answers = [api.put(f"{RELATIONSHIPS}/{id}/{action}", {}, caller=new_caller()) for action in ACTIONS]

    assert {answer.error for answer in answers} == {error}


def test_a_token_is_needed(api: InProcessApi) -> None:
    """§1: no token → 401"""
    assert {api.put(f"{RELATIONSHIPS}/RELx/{action}", {}).status for action in ACTIONS} == {401}


class TestAnswering:
    @pytest.mark.parametrize(
        ("action", "by", "status", "reason"),
        [
            ("Accept", "to", "Active", "AcceptanceOfCreation"),
            ("Reject", "to", "Rejected", "RejectionOfCreation"),
            ("Revoke", "from_", "Revoked", "RevocationOfCreation"),
        ],
    )
    def test_an_answer_changes_the_status_and_tells_the_peer(
        self, api: InProcessApi, action: str, by: str, status: str, reason: str
    ) -> None:
        """§12: Accept → peer gets RelationshipStatusChanged; …  §5.1: Reject → `from`, Revoke → `to`"""
        here = two(api)
        actor = getattr(here, by)

        answer = here.act(action, actor)

        entry = answer.result["auditLog"][-1]
        assert (answer.status, answer.result["status"]) == (200, status)
        assert set(answer.result) == {
            "id", "relationshipTemplateId", "from", "to", "createdAt", "status", "auditLog"
        }  # fmt: skip
        assert (entry["reason"], entry["oldStatus"], entry["newStatus"]) == (reason, "Pending", status)
        assert (entry["createdBy"], entry["createdByDevice"]) == (actor.address, actor.device_id)
        peer = here.other(actor).address
        assert_told(here, "RelationshipStatusChanged", peer, newStatus=status, initiator=actor.address)

    def test_the_creator_cannot_accept(self, api: InProcessApi) -> None:
        """§12: Accept by creator → 400 …cannotAcceptOrRejectRelationshipAddressedToSomeoneElse; Accept twice → 400
        …relationshipIsNotInCorrectStatus."""
        here = two(api)

        for action in ("Accept", "Reject"):
            answer = here.act(action, here.from_)
            assert answer.error == refused("cannotAcceptOrRejectRelationshipAddressedToSomeoneElse")
        here.act("Accept", here.to)
        assert here.act("Accept", here.to).error == WRONG_STATUS

    def test_only_the_creator_can_revoke(self, api: InProcessApi) -> None:
        """§12: Revoke by templator → 400 …cannotRevokeRelationshipNotCreatedByYourself."""
        here = two(api)

        assert here.act("Revoke", here.to).error == refused("cannotRevokeRelationshipNotCreatedByYourself")

    def test_an_answer_comes_once(self, api: InProcessApi) -> None:
        """§3.2: status is `Pending` → `…relationshipIsNotInCorrectStatus`, checked before the actor"""
        for status in ("Active", "Rejected", "Revoked", "Terminated", "DeletionProposed", "ReadyForDeletion"):
            here = two(api, status)
            answers = [here.act(action, who) for action in ANSWERS for who in (here.from_, here.to)]
            assert {answer.error for answer in answers} == {WRONG_STATUS}, status

    @pytest.mark.parametrize(
        ("body", "content"),
        [({}, ""), ({"creationResponseContent": None}, None), ({"creationResponseContent": "-_8"}, "-_8")],
    )
    def test_a_missing_content_is_empty_and_null_is_null(
        self, api: InProcessApi, body: Any, content: str | None
    ) -> None:
        """§12: Reject with `{}` → GET shows creationResponseContent "".  §3.4: explicitly null, GET shows null"""
        for action in ANSWERS:
            here = two(api)
            here.act(action, here.from_ if action == "Revoke" else here.to, body)
            assert here.get(here.from_).result["creationResponseContent"] == content, action

    @pytest.mark.parametrize("action", ANSWERS)
    def test_an_answer_needs_an_object(self, api: InProcessApi, action: str) -> None:
        """§3.4: body parse (400 `inputCannotBeParsed`)"""
        here = two(api)
        bodies: list[Any] = [None, [], "x", {"creationResponseContent": "!"}, {"creationResponseContent": 1}]

        assert {here.act(action, here.to, body).error for body in bodies} == {UNPARSABLE}
        assert here.get(here.to).result["status"] == "Pending"

    def test_an_answer_is_json(self, api: InProcessApi) -> None:
        """§1: `Content-Type: application/json` needed where a body is read (else 415)"""
        answers = [api.put(f"{RELATIONSHIPS}/RELx/{action}", caller=new_caller()) for action in ANSWERS]

        assert {answer.status for answer in answers} == {415}


class TestTerminating:
    @pytest.mark.parametrize("by", ["from_", "to"])
    def test_either_side_can_end_an_active_relationship(self, api: InProcessApi, by: str) -> None:
        """§12: Terminate by either participant of an Active relationship → 200 Terminated; otherwise 400."""
        here = two(api, "Active")
        actor = getattr(here, by)

        answer = here.act("Terminate", actor)

        assert (answer.status, answer.result["status"]) == (200, "Terminated")
        assert answer.result["auditLog"][-1]["reason"] == "Termination"
        assert_told(here, "RelationshipStatusChanged", here.other(actor).address, newStatus="Terminated")

    def test_nothing_else_can_be_terminated(self, api: InProcessApi) -> None:
        """§12: Terminate …; otherwise 400."""
        for status in ("Pending", "Rejected", "Revoked", "Terminated", "DeletionProposed", "ReadyForDeletion"):
            here = two(api, status)
            assert here.act("Terminate", here.to).error == WRONG_STATUS, status


class TestReactivating:
    @pytest.mark.parametrize("by", ["from_", "to"])
    def test_either_side_can_ask(self, api: InProcessApi, by: str) -> None:
        """§3.2: stays `Terminated`; §5.1: Reactivate → RelationshipReactivationRequested, peer of actor"""
        here = two(api, "Terminated")
        actor = getattr(here, by)

        answer = here.act("Reactivate", actor)

        entry = answer.result["auditLog"][-1]
        assert answer.result["status"] == "Terminated"
        assert (entry["reason"], entry["oldStatus"], entry["newStatus"]) == (
            "ReactivationRequested",
            "Terminated",
            "Terminated",
        )
        peer = here.other(actor).address
        assert_told(here, "RelationshipReactivationRequested", peer, requestingIdentity=actor.address)

    def test_one_open_request_is_enough(self, api: InProcessApi) -> None:
        """§12: Reactivate twice → 400 …cannotRequestReactivationWhenThereIsAnOpenReactivationRequest (also when the
        peer asks second)."""
        here = requested(api)

        for caller in (here.from_, here.to):
            answer = here.act("Reactivate", caller)
            assert answer.error == refused("cannotRequestReactivationWhenThereIsAnOpenReactivationRequest")

    def test_only_a_terminated_relationship_can_be_reactivated(self, api: InProcessApi) -> None:
        """§12: Reactivate on Active → 400 …relationshipIsNotInCorrectStatus."""
        for status in ("Pending", "Active", "Rejected", "Revoked", "DeletionProposed"):
            here = two(api, status)
            assert here.act("Reactivate", here.to).error == WRONG_STATUS, status

    def test_the_peer_accepts(self, api: InProcessApi) -> None:
        """§12: Reactivate/Accept by requester → 400 …noAcceptableRelationshipReactivationRequestExists; by peer →
        Active + RelationshipReactivationCompleted to the requester, no RelationshipStatusChanged."""
        here = requested(api)

        by_requester = here.act("Reactivate/Accept", here.from_)
        by_peer = here.act("Reactivate/Accept", here.to)

        assert by_requester.error == refused("noAcceptableRelationshipReactivationRequestExists")
        assert by_peer.result["status"] == "Active"
        assert by_peer.result["auditLog"][-1]["reason"] == "AcceptanceOfReactivation"
        requester = here.from_.address
        assert_told(here, "RelationshipReactivationCompleted", requester, newRelationshipStatus="Active")

    def test_the_peer_rejects(self, api: InProcessApi) -> None:
        """§12: Reactivate/Reject by requester → 400 …noRejectableReactivationRequestExists; …"""
        here = requested(api)

        by_requester = here.act("Reactivate/Reject", here.from_)
        by_peer = here.act("Reactivate/Reject", here.to)

        assert by_requester.error == refused("noRejectableReactivationRequestExists")
        assert by_peer.result["status"] == "Terminated"
        assert by_peer.result["auditLog"][-1]["reason"] == "RejectionOfReactivation"
        requester = here.from_.address
        assert_told(here, "RelationshipReactivationCompleted", requester, newRelationshipStatus="Terminated")

    def test_the_requester_revokes(self, api: InProcessApi) -> None:
        """§12: … Reactivate/Revoke by non-requester → 400 …noRevocableReactivationRequestExists."""
        here = requested(api)

        by_peer = here.act("Reactivate/Revoke", here.to)
        by_requester = here.act("Reactivate/Revoke", here.from_)

        assert by_peer.error == refused("noRevocableReactivationRequestExists")
        assert by_requester.result["status"] == "Terminated"
        assert by_requester.result["auditLog"][-1]["reason"] == "RevocationOfReactivation"
        assert_told(here, "RelationshipReactivationCompleted", here.to.address, newRelationshipStatus="Terminated")

    def test_without_request_there_is_nothing_to_answer(self, api: InProcessApi) -> None:
        """§3.2: these actions do **not** check the status"""
        for status in ("Pending", "Active", "Terminated", "DeletionProposed"):
            here = two(api, status)
            answers = [here.act(f"Reactivate/{answer}", here.to).error for answer in ANSWERS]
            assert answers == [
                refused("noAcceptableRelationshipReactivationRequestExists"),
                refused("noRejectableReactivationRequestExists"),
                refused("noRevocableReactivationRequestExists"),
            ], status

    def test_reactivation_leaves_the_pair_alone_until_it_is_accepted(self, api: InProcessApi) -> None:
        here = requested(api)
        [waiting] = [item["status"] for item in stored_items() if item["sk"] == "P"]

        here.act("Reactivate/Accept", here.to)

        [accepted] = [item["status"] for item in stored_items() if item["sk"] == "P"]
        assert (waiting, accepted) == ("Terminated", "Active")


class TestDecomposing:
    @pytest.mark.parametrize("status", ["Active", "Pending"])
    def test_a_living_relationship_cannot_be_decomposed(self, api: InProcessApi, status: str) -> None:
        """§12: Decompose on Active or Pending → 400 …relationshipIsNotInCorrectStatus."""
        here = two(api, status)

        assert here.act("Decompose", here.to).error == WRONG_STATUS

    @pytest.mark.parametrize("status", ["Rejected", "Revoked", "Terminated"])
    @pytest.mark.parametrize("by", ["from_", "to"])
    def test_the_first_decomposition_proposes_deletion(self, api: InProcessApi, status: str, by: str) -> None:
        """§12: Decompose first → DeletionProposed, peer gets RelationshipStatusChanged, …"""
        here = two(api, status)
        actor = getattr(here, by)

        answer = here.act("Decompose", actor)

        entry = answer.result["auditLog"][-1]
        assert answer.result["status"] == "DeletionProposed"
        assert (entry["reason"], entry["oldStatus"]) == ("Decomposition", status)
        assert_told(here, "RelationshipStatusChanged", here.other(actor).address, newStatus="DeletionProposed")

    def test_the_second_one_frees_both_for_a_new_relationship(self, api: InProcessApi) -> None:
        """§12: Decompose second → 200 ReadyForDeletion, nobody gets an external event; afterwards a new relationship
        can be created."""
        here = two(api, "DeletionProposed")

        answer = here.act("Decompose", here.to)

        assert (answer.status, answer.result["status"]) == (200, "ReadyForDeletion")
        # The domain event is raised; synchronization makes no external event of this status (§5.1).
        assert_told(here, "RelationshipStatusChanged", here.from_.address, newStatus="ReadyForDeletion")
        assert create(api, given_template(api, here.to), here.from_).status == 201

    @pytest.mark.parametrize("status", ["DeletionProposed", "ReadyForDeletion"])
    def test_nobody_decomposes_twice(self, api: InProcessApi, status: str) -> None:
        """§12: Decompose twice by same identity → 400 …relationshipAlreadyDecomposed."""
        here = two(api, status)

        assert here.act("Decompose", here.from_).error == refused("relationshipAlreadyDecomposed")

    def test_who_has_decomposed_gets_the_errors_of_the_state_machine(self, api: InProcessApi) -> None:
        """§3.3: PUT actions: loaded normally; fails by the state machine"""
        here = two(api, "DeletionProposed")

        assert here.act("Terminate", here.from_).error == WRONG_STATUS
        assert here.act("Reactivate", here.from_).error == WRONG_STATUS


@pytest.mark.parametrize("body", [..., None, {}, "anything"])
def test_actions_without_body_ignore_it(api: InProcessApi, body: Any) -> None:
    """§3.4: No body is read (clients send `{}` or nothing)."""
    here = two(api, "Active")

    assert here.act("Terminate", here.to, body).status == 200
