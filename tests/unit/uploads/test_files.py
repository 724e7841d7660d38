"""A file whose form was stored before: the same answers as to an ordinary upload.  Contract: files.md, section 3.1."""

import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError

from backbone import payloads
from backbone.caller import Caller
from backbone.dynamodb import client
from backbone.http import uploads
from backbone.ids import DeviceId
from backbone.settings import settings
from functions.files.store import FileStore
from tests.support.api import InProcessApi, new_caller
from tests.unit.files.uploads import (
    CONTENT,
    FILES,
    INVALID,
    NOT_FOUND,
    UNPARSABLE,
    WRONG_SIZE,
    claim,
    encoded,
    form,
    in_days,
    metadata,
    upload,
)
from tests.unit.uploads.large import bodies, follow, stored, stored_form

MIB = 1024 * 1024


def number_of_files() -> int:
    """Items in the table."""
    return int(client().scan(TableName=settings().files_table)["Count"])


@pytest.mark.parametrize("size", [1, 10 * MIB])
def test_it_becomes_a_file(api: InProcessApi, size: int) -> None:
    """files.md Checklist: POST with valid fields -> 201; 10 485 760 bytes -> 201"""
    caller = new_caller()

    answer = follow(api, stored_form(caller, b"x" * size), caller)

    ordinary = upload(api, caller)
    created = answer.result
    assert answer.status == 201
    assert set(created) == set(ordinary)
    assert (created["cipherSize"], created["owner"], len(created["ownershipToken"])) == (size, caller.address, 20)
    assert answer.headers["location"].endswith(f"/api/v2/Files/{created['id']}")
    assert metadata(api, created["id"])["cipherSize"] == size
    assert bodies() == []


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, WRONG_SIZE),
        ({"cipherHash": None}, UNPARSABLE),
        ({"ownerSignature": "ä"}, INVALID),
        ({"expiresAt": in_days(-1)}, INVALID),
    ],
)
def test_its_refusals_are_those_of_an_ordinary_upload_and_leave_nothing(
    api: InProcessApi, fields: dict[str, Any], error: tuple[int, str]
) -> None:
    """files.md §3.1: the order of checks"""
    caller = new_caller()
    content = b"x" if fields else bytes(10 * MIB + 1)

    answer = follow(api, stored_form(caller, content, **fields), caller)

    assert answer.error == error
    assert (number_of_files(), bodies()) == (0, [])


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{}", "application/json", 415),
        (b"x", "binary/octet-stream", 415),
        (b"", "multipart/form-data; boundary=x", 400),
        (b"--x\r\nnonsense", "multipart/form-data; boundary=x", 400),
    ],
)
def test_what_is_no_form_is_refused(api: InProcessApi, body: bytes, content_type: str, status: int) -> None:
    caller = new_caller()

    assert follow(api, stored(body, content_type, caller), caller).status == status
    assert (number_of_files(), bodies()) == (0, [])


def test_asking_again_gives_the_same_answer_and_no_second_file(api: InProcessApi) -> None:
    """The answer gets lost on its way, after everything has been removed"""
    caller = new_caller()
    location = stored_form(caller, CONTENT)
    first = follow(api, location, caller)

    again = follow(api, location, caller)

    assert (again.status, again.result) == (201, first.result)
    assert again.headers["location"] == first.headers["location"]
    assert number_of_files() == 1


def test_a_crash_after_the_file_is_written_leaves_a_body_that_makes_no_second_file(
    api: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = new_caller()
    location = stored_form(caller, CONTENT)
    with monkeypatch.context() as crashed:
        crashed.setattr(uploads.Upload, "remove", lambda _: None)
        first = follow(api, location, caller)
    assert len(bodies()) == 1

    again = follow(api, location, caller)

    assert again.result == first.result
    assert (number_of_files(), bodies()) == (1, [])


def test_a_crash_before_the_file_is_written_loses_nothing(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = new_caller()
    location = stored_form(caller, CONTENT)
    with monkeypatch.context() as crashed:
        crashed.setattr(FileStore, "add", lambda *_: 1 / 0)
        assert follow(api, location, caller).status == 500

    assert follow(api, location, caller).status == 201
    assert (number_of_files(), bodies()) == (1, [])


def test_of_two_that_ask_at_once_both_get_the_one_file(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both look before either has written"""
    caller = new_caller()
    location = stored_form(caller, CONTENT)
    both_have_looked = threading.Barrier(2)
    add = FileStore.add

    def add_together(*arguments: Any) -> None:
        both_have_looked.wait(10)
        add(*arguments)

    monkeypatch.setattr(FileStore, "add", add_together)
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(follow(api, location, caller))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].result == answers[1].result
    assert (number_of_files(), bodies()) == (1, [])


def test_nobody_finishes_an_upload_of_somebody_else(api: InProcessApi) -> None:
    alice, bob = new_caller(), new_caller()
    location = stored_form(alice)

    assert follow(api, location, bob).error == NOT_FOUND
    assert follow(api, location, None).status == 401
    assert (number_of_files(), len(bodies())) == (0, 1)
    assert follow(api, location, alice).status == 201


def test_another_device_of_the_identity_may(api: InProcessApi) -> None:
    """A client that renews its token in between is still the same identity"""
    alice = new_caller()
    device = Caller(alice.address, DeviceId.new(), alice.client_id)

    assert follow(api, stored_form(alice), device).result["createdByDevice"] == device.device_id


@pytest.mark.parametrize(
    "name", ["UPL1234567890abcdefg", "UPL", "UPL1", "FIL12345678901234567", "..", "UPL..%2F..%2F..%2Ffiles"]
)
def test_what_was_never_stored_or_has_expired_is_not_found(api: InProcessApi, name: str) -> None:
    assert follow(api, f"/api/v2/Uploads/Files/{name}", new_caller()).error == NOT_FOUND


def test_the_answer_is_not_repeated_once_the_file_is_somebody_elses(api: InProcessApi) -> None:
    """It would tell the new owner's token"""
    alice, bob = new_caller(), new_caller()
    location = stored_form(alice)
    created = follow(api, location, alice).result
    assert claim(api, created["id"], created["ownershipToken"], bob).status == 200

    assert follow(api, location, alice).error == NOT_FOUND


def test_the_creator_of_a_file_cannot_have_its_token_told_by_guessing_the_upload(api: InProcessApi) -> None:
    """Ids of files are no secrets, and the name of an upload is made of one"""
    alice, bob = new_caller(), new_caller()
    created = upload(api, alice)

    answer = follow(api, f"/api/v2/Uploads/Files/UPL{created['id'][3:]}", bob)

    assert answer.error == NOT_FOUND


def test_the_quota_is_used_up_once(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary form and a stored one count alike: the same route runs"""
    caller = new_caller()
    body, content_type = encoded(form(CONTENT))

    follow(api, stored(body, content_type, caller), caller)

    assert api.post(FILES, body=body, headers={"content-type": content_type}, caller=caller).status == 201
    assert number_of_files() == 2


def test_a_body_that_cannot_be_removed_is_left_to_the_lifecycle(
    api: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> None:
        raise ClientError({"Error": {"Code": "SlowDown"}}, "DeleteObject")

    caller = new_caller()
    location = stored_form(caller)
    monkeypatch.setattr(payloads, "remove", fail)

    assert follow(api, location, caller).status == 201
    assert len(bodies()) == 1
