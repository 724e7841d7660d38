"""Ownership tokens.  Contract: files.md, sections 3.6 to 3.8, 4, 5 and Checklist."""

from typing import Any

import pytest

from backbone.dynamodb import client, decode
from backbone.events import EventEnvelope, carried_by
from backbone.settings import settings
from tests.support.api import Answer, InProcessApi, new_caller
from tests.unit.files.uploads import (
    FILES,
    FORBIDDEN,
    INVALID,
    NOT_FOUND,
    OWN_FILE,
    UNPARSABLE,
    WRONG,
    claim,
    metadata,
    regenerate,
    upload,
    validate,
)

UNKNOWN = "FIL" + "0" * 17


def events_of(id: str) -> list[EventEnvelope]:
    """The events that the last change of a file raised."""
    items = [decode(item) for item in client().scan(TableName=settings().files_table)["Items"]]
    return [event for item in items if id in item["pk"] for event in carried_by(item)]


def new_token(answer: Answer) -> str:
    """The token that a claim or a regeneration gives."""
    assert set(answer.result) == {"newOwnershipToken"}
    return str(answer.result["newOwnershipToken"])


class TestClaim:
    def test_nobody_claims_what_he_owns(self, api: InProcessApi) -> None:
        """files.md Checklist: claim own file -> 400 `error.platform.validation.file.cannotClaimOwnershipOfOwnFile`,
        also when locked or with a wrong token"""
        owner = new_caller()
        created = upload(api, owner)
        id, token = created["id"], created["ownershipToken"]

        assert claim(api, id, token, owner).error == OWN_FILE
        assert claim(api, id, WRONG, owner).error == OWN_FILE
        claim(api, id, WRONG, new_caller())
        assert claim(api, id, token, owner).error == OWN_FILE

    def test_the_right_token_makes_a_new_owner(self, api: InProcessApi) -> None:
        """files.md Checklist: claim with right token -> 200, new owner, new token differs, old owner gets
        `FileOwnershipClaimed` with `fileId` and `newOwnerAddress`"""
        alice, bob = new_caller(), new_caller()
        created = upload(api, alice)
        id, before = created["id"], metadata(api, created["id"])

        token = new_token(claim(api, id, created["ownershipToken"], bob))

        assert metadata(api, id) == {**before, "owner": bob.address}
        assert token != created["ownershipToken"]
        (event,) = events_of(id)
        assert event.name == "FileOwnershipClaimed"
        assert event.payload["fileId"] == id
        assert event.payload["oldOwnerAddress"] == alice.address
        assert event.payload["newOwnerAddress"] == bob.address

    def test_ownership_may_come_back(self, api: InProcessApi) -> None:
        """files.md §4.2: any number of claims"""
        alice, bob = new_caller(), new_caller()
        created = upload(api, alice)
        id = created["id"]

        back = claim(api, id, new_token(claim(api, id, created["ownershipToken"], bob)), alice)

        assert back.status == 200
        assert metadata(api, id)["owner"] == alice.address
        assert claim(api, id, new_token(back), bob).status == 200

    def test_a_wrong_token_locks(self, api: InProcessApi) -> None:
        """files.md Checklist: claim with wrong token -> 403, `ownershipIsLocked` true, owner gets
        `FileOwnershipLocked`; events.md §2.4: published twice"""
        owner = new_caller()
        id = upload(api, owner)["id"]

        assert claim(api, id, WRONG, new_caller()).error == FORBIDDEN
        assert metadata(api, id)["ownershipIsLocked"] is True
        events = events_of(id)
        assert [event.name for event in events] == ["FileOwnershipLocked"] * 2
        assert len({event.id for event in events}) == 2
        assert [(event.payload["fileId"], event.payload["ownerAddress"]) for event in events] == [
            (id, owner.address)
        ] * 2

    def test_a_locked_file_is_claimed_by_nobody(self, api: InProcessApi) -> None:
        """files.md Checklist: claim with right token while locked -> 403; §3.7: no event"""
        created = upload(api, new_caller())
        id = created["id"]
        claim(api, id, WRONG, new_caller())
        events = events_of(id)

        for token in (created["ownershipToken"], WRONG):
            assert claim(api, id, token, new_caller()).error == FORBIDDEN
        assert events_of(id) == events

    @pytest.mark.parametrize("use", [claim, validate])
    def test_a_token_that_cannot_be_one_is_refused(self, api: InProcessApi, use: Any) -> None:
        """files.md Checklist: claim/validate with a 21+ character token or a space -> 400 `invalidPropertyValue`;
        without `ownershipToken` -> 400 `inputCannotBeParsed`"""
        id = upload(api, new_caller())["id"]

        for token in ("a" * 21, "a b", "", "ä", '"'):
            assert use(api, id, token, new_caller()).error == INVALID
        assert use(api, "XYZ", "a", new_caller()).error == INVALID
        assert use(api, UNKNOWN, "a b", new_caller()).error == INVALID
        assert use(api, UNKNOWN, "a", new_caller()).error == NOT_FOUND
        assert use(api, id, None, new_caller()).error == UNPARSABLE
        method, action = ("PATCH", "ClaimOwnership") if use is claim else ("POST", "ValidateOwnershipToken")
        bodies: tuple[Any, ...] = ({}, [], "text")
        for body in bodies:
            answer = api.request(method, f"{FILES}/{id}/{action}", json_body=body, caller=new_caller())
            assert answer.error == UNPARSABLE
        assert metadata(api, id)["ownershipIsLocked"] is False


class TestValidation:
    def test_only_a_wrong_token_of_somebody_else_locks(self, api: InProcessApi) -> None:
        """files.md Checklist: validate right token by owner and by non-owner -> true; wrong by owner -> false and not
        locked; wrong by non-owner -> false and locked"""
        owner = new_caller()
        created = upload(api, owner)
        id, token = created["id"], created["ownershipToken"]

        assert validate(api, id, token, owner).result == {"isValid": True}
        assert validate(api, id, token, new_caller()).result == {"isValid": True}
        assert validate(api, id, WRONG, owner).result == {"isValid": False}
        assert metadata(api, id)["ownershipIsLocked"] is False
        assert validate(api, id, WRONG, new_caller()).result == {"isValid": False}
        assert metadata(api, id)["ownershipIsLocked"] is True
        assert [event.name for event in events_of(id)] == ["FileOwnershipLocked"]

    def test_no_token_is_valid_while_the_file_is_locked(self, api: InProcessApi) -> None:
        """files.md Checklist: validate right token while locked -> false"""
        owner = new_caller()
        created = upload(api, owner)
        validate(api, created["id"], WRONG, new_caller())

        for caller in (owner, new_caller()):
            assert validate(api, created["id"], created["ownershipToken"], caller).result == {"isValid": False}

    def test_case_matters(self, api: InProcessApi) -> None:
        """files.md §4.1: comparison is exact and case-sensitive"""
        created = upload(api, new_caller())

        answer = validate(api, created["id"], created["ownershipToken"].swapcase(), new_caller())

        assert answer.result == {"isValid": False}


class TestRegeneration:
    def test_the_owner_gets_a_new_token_and_the_lock_goes(self, api: InProcessApi) -> None:
        """files.md Checklist: regenerate by owner without request body -> 200 with new token, lock removed, old token
        no longer claims […]"""
        owner = new_caller()
        created = upload(api, owner)
        id = created["id"]
        claim(api, id, WRONG, new_caller())

        token = new_token(regenerate(api, id, owner))

        assert metadata(api, id)["ownershipIsLocked"] is False
        assert events_of(id) == []
        assert validate(api, id, token, new_caller()).result == {"isValid": True}
        assert claim(api, id, created["ownershipToken"], new_caller()).error == FORBIDDEN

    def test_it_is_for_the_owner(self, api: InProcessApi) -> None:
        """files.md Checklist: [regenerate] by non-owner -> 403; unknown -> 404; bad ID -> 400"""
        creator, owner = new_caller(), new_caller()
        created = upload(api, creator)
        claim(api, created["id"], created["ownershipToken"], owner)

        assert regenerate(api, created["id"], creator).error == FORBIDDEN
        assert regenerate(api, created["id"], owner).status == 200
        assert regenerate(api, UNKNOWN, owner).error == NOT_FOUND
        assert regenerate(api, "XYZ", owner).error == INVALID

    def test_any_body_is_ignored(self, api: InProcessApi) -> None:
        """files.md §3.6: no request body and no content type must be accepted"""
        owner = new_caller()
        id = upload(api, owner)["id"]

        for body in (b"{", b"null", b"\xff"):
            path = f"{FILES}/{id}/RegenerateOwnershipToken"
            assert api.request("PATCH", path, body=body, caller=owner).status == 200


def test_the_worked_example(api: InProcessApi) -> None:
    """files.md §4.2, worked example"""
    a, b, c = new_caller(), new_caller(), new_caller()
    created = upload(api, a)
    id, t = created["id"], created["ownershipToken"]

    assert validate(api, id, t, b).result == {"isValid": True}
    assert claim(api, id, WRONG, c).error == FORBIDDEN
    assert claim(api, id, t, b).error == FORBIDDEN
    assert validate(api, id, t, a).result == {"isValid": False}
    assert regenerate(api, id, a).status == 200
    assert claim(api, id, t, b).error == FORBIDDEN
    t3 = new_token(regenerate(api, id, a))
    assert claim(api, id, t3, b).status == 200
    assert api.delete(f"{FILES}/{id}", caller=b).error == FORBIDDEN
    assert api.delete(f"{FILES}/{id}", caller=a).status == 204
