"""Metadata, content, list and deletion of files.  Contract: files.md, sections 3.2 to 3.5 and Checklist."""

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from backbone import clock, payloads
from backbone.caller import Caller
from backbone.dynamodb import Table
from backbone.encoding import to_base64url
from backbone.settings import settings
from tests.support.api import Answer, InProcessApi, new_caller
from tests.support.engine import BUCKET
from tests.unit.files.uploads import (
    CONTENT,
    FILES,
    FORBIDDEN,
    HASH,
    INVALID,
    INVALID_PAGE_SIZE,
    NOT_FOUND,
    PROPERTIES,
    SIGNATURE,
    claim,
    in_days,
    metadata,
    regenerate,
    upload,
    validate,
)


def ids_of(answer: Answer) -> list[str]:
    """The ids of a list."""
    return [item["id"] for item in answer.result]


def expire(id: str) -> None:
    """Let the expiry of a file pass."""
    table = Table(settings().files_table)
    table.update({"pk": id}, "SET expiresAt = :now", {"now": clock.render(clock.now())})


class TestContent:
    def test_anybody_who_knows_the_id_reads_it(self, api: InProcessApi) -> None:
        """files.md Checklist: GET content by a foreign identity -> 200 `application/octet-stream`, identical bytes"""
        id = upload(api, new_caller())["id"]

        answer = api.get(f"{FILES}/{id}", caller=new_caller())

        assert (answer.status, answer.headers["content-type"]) == (200, "application/octet-stream")
        assert answer.content == CONTENT
        assert not {"content-disposition", "etag", "accept-ranges"} & set(answer.headers)

    @pytest.mark.parametrize("accept", ["application/json", "application/json, text/plain, */*", "", None])
    def test_what_the_client_accepts_does_not_matter(self, api: InProcessApi, accept: str | None) -> None:
        """http-common.md §5.3: `Accept` is ignored"""
        id = upload(api, new_caller())["id"]

        headers = {} if accept is None else {"accept": accept}
        assert api.get(f"{FILES}/{id}", caller=new_caller(), headers=headers).content == CONTENT

    def test_a_content_as_large_as_lambda_returns_is_returned(self, api: InProcessApi) -> None:
        content = bytes(range(256)) * (4 * 1024 * 4)
        id = upload(api, new_caller(), content)["id"]

        answer = api.get(f"{FILES}/{id}", caller=new_caller())

        assert (answer.status, answer.content) == (200, content)
        assert len(answer.body) < 6_000_000

    def test_a_larger_one_is_fetched_from_s3_within_a_minute(self, api: InProcessApi) -> None:
        """files.md Surprise 9: redirects on GET are followed"""
        id = upload(api, new_caller(), bytes(4 * 1024 * 1024 + 1))["id"]

        answer = api.get(f"{FILES}/{id}", caller=new_caller())

        url = urlsplit(answer.headers["location"])
        query = parse_qs(url.query)
        assert (answer.status, answer.body) == (307, "")
        assert url.hostname == "payloads.s3.eu-central-1.amazonaws.com"
        assert url.path == f"/files/{id}/content"
        assert query["X-Amz-Expires"] == ["60"]
        assert query["response-content-type"] == ["application/octet-stream"]

    def test_without_content_there_is_no_file(self, api: InProcessApi) -> None:
        """files.md §3.2: metadata exists but the blob is missing -> 404"""
        id = upload(api, new_caller())["id"]
        payloads.remove(f"files/{id}/content")

        assert api.get(f"{FILES}/{id}", caller=new_caller()).error == NOT_FOUND


@pytest.mark.parametrize("suffix", ["", "/Metadata", "/metadata"])
@pytest.mark.parametrize(("id", "error"), [("FIL" + "0" * 17, NOT_FOUND), ("XYZ123", INVALID), ("FIL", NOT_FOUND)])
def test_unknown_and_invalid_ids(api: InProcessApi, suffix: str, id: str, error: tuple[int, str]) -> None:
    """files.md Checklist: GET content/metadata of an unknown ID -> 404 `error.platform.recordNotFound`; of `XYZ123` ->
    400; of `FIL` -> 404"""
    assert api.get(f"{FILES}/{id}{suffix}", caller=new_caller()).error == error


class TestMetadata:
    def test_lower_case_works(self, api: InProcessApi) -> None:
        """files.md Checklist: GET `/files/{id}/metadata` in lower case works"""
        caller = new_caller()
        id = upload(api, caller)["id"]

        assert api.get(f"{FILES}/{id}/metadata", caller=caller).result["id"] == id
        moved = api.get(f"/api/v2/files/{id}/metadata", caller=caller)
        assert moved.status == 308
        assert api.get(moved.headers["location"], caller=caller).result["id"] == id

    def test_they_show_the_lock_and_not_the_token(self, api: InProcessApi) -> None:
        """files.md Checklist: metadata has `ownershipIsLocked` and no `ownershipToken`"""
        caller = new_caller()
        created = upload(api, caller)

        found = metadata(api, created["id"], caller)

        assert found == {
            "id": created["id"],
            "createdAt": created["createdAt"],
            "createdBy": caller.address,
            "createdByDevice": caller.device_id,
            "modifiedAt": created["createdAt"],
            "modifiedBy": caller.address,
            "modifiedByDevice": caller.device_id,
            "deletedAt": None,
            "deletedBy": None,
            "deletedByDevice": None,
            "owner": caller.address,
            "ownerSignature": to_base64url(SIGNATURE),
            "ownershipIsLocked": False,
            "cipherSize": len(CONTENT),
            "cipherHash": to_base64url(HASH),
            "expiresAt": created["expiresAt"],
            "encryptedProperties": to_base64url(PROPERTIES),
        }


def test_an_expired_file_is_not_there(api: InProcessApi) -> None:
    """files.md Checklist: after `expiresAt` every operation on the file -> 404 and it is not listed"""
    owner, other = new_caller(), new_caller()
    created = upload(api, owner)
    id, token = created["id"], created["ownershipToken"]
    expire(id)
    time.sleep(0.002)

    answers = [
        api.get(f"{FILES}/{id}", caller=owner),
        api.get(f"{FILES}/{id}/Metadata", caller=owner),
        api.delete(f"{FILES}/{id}", caller=owner),
        regenerate(api, id, owner),
        claim(api, id, token, other),
        validate(api, id, token, other),
    ]

    assert [answer.error for answer in answers] == [NOT_FOUND] * 6
    assert ids_of(api.get(FILES, caller=owner)) == []
    assert ids_of(api.get(FILES, query={"ids": id}, caller=owner)) == []


class TestList:
    def test_it_holds_what_the_caller_created_oldest_first(self, api: InProcessApi) -> None:
        """files.md Checklist: list returns only files created by the caller, oldest first, also files whose ownership
        was claimed by others, not files claimed from others"""
        alice, bob = new_caller(), new_caller()
        of_alice = [in_order(api, alice) for _ in range(3)]
        of_bob = in_order(api, bob)
        assert claim(api, of_alice[1]["id"], of_alice[1]["ownershipToken"], bob).status == 200
        assert claim(api, of_bob["id"], of_bob["ownershipToken"], alice).status == 200

        answer = api.get(FILES, caller=alice)

        assert ids_of(answer) == [file["id"] for file in of_alice]
        assert ids_of(api.get(FILES, caller=bob)) == [of_bob["id"]]
        assert answer.result[1] == metadata(api, of_alice[1]["id"])

    def test_of_certain_files_it_omits_foreign_and_unknown_ones(self, api: InProcessApi) -> None:
        """files.md Checklist: list with foreign/unknown `ids` omits them; invalid `ids` -> 400; `pageSize=201` -> 400
        `error.platform.validation.pagination.invalidPageSize`"""
        alice, bob = new_caller(), new_caller()
        first, second, foreign = in_order(api, alice)["id"], in_order(api, alice)["id"], in_order(api, bob)["id"]
        unknown = "FIL" + "0" * 17

        query: dict[str, Any] = {"ids": [second, foreign, unknown, first, second]}
        assert ids_of(api.get(FILES, query=query, caller=alice)) == [first, second]
        assert ids_of(api.get(FILES, query={"ids[0]": second}, caller=alice)) == [second]
        assert api.get(FILES, query={"ids": ["XYZ"]}, caller=alice).error == INVALID
        query = {"pageSize": 201, "ids": ["XYZ"]}
        assert api.get(FILES, query=query, caller=alice).error == INVALID_PAGE_SIZE

    def test_one_page_needs_no_pagination(self, api: InProcessApi) -> None:
        """files.md Checklist: `pagination` is absent when everything fits on one page"""
        caller = new_caller()
        for _ in range(3):
            upload(api, caller)

        assert "pagination" not in api.get(FILES, query={"pageSize": 3}, caller=caller).json

    @pytest.mark.parametrize("by_id", [False, True])
    def test_pages_and_their_numbers(self, api: InProcessApi, by_id: bool) -> None:
        """files.md §3.4: the common pagination; a page beyond the end reports an inflated total"""
        caller = new_caller()
        ids = [in_order(api, caller)["id"] for _ in range(3)]
        query: dict[str, Any] = {"ids": ids} if by_id else {}

        pages = [
            api.get(FILES, query={**query, "pageSize": 2, "pageNumber": number}, caller=caller).json
            for number in (1, 2, 4)
        ]

        assert [[file["id"] for file in page["result"]] for page in pages] == [ids[:2], ids[2:], []]
        totals = [(page["pagination"]["totalPages"], page["pagination"]["totalRecords"]) for page in pages]
        assert totals == [(2, 3), (2, 3), (3, 6)]

    @pytest.mark.parametrize("query", [{"pageNumber": 0}, {"pageSize": 0}, {"pageSize": -1}])
    def test_pages_count_from_1(self, api: InProcessApi, query: dict[str, int]) -> None:
        """files.md Surprise 7: 500 in the reference"""
        assert api.get(FILES, query=query, caller=new_caller()).error == INVALID

    def test_large_properties_are_listed_too(self, api: InProcessApi) -> None:
        caller, properties = new_caller(), to_base64url(bytes(100_000))
        upload(api, caller, encryptedProperties=properties)

        assert api.get(FILES, caller=caller).result[0]["encryptedProperties"] == properties


class TestDeletion:
    def test_the_creator_deletes(self, api: InProcessApi) -> None:
        """files.md Checklist: DELETE by creator -> 204, then GET -> 404 […]"""
        caller = new_caller()
        id = upload(api, caller)["id"]

        assert api.delete(f"{FILES}/{id}", caller=caller).status == 204
        assert api.get(f"{FILES}/{id}", caller=caller).error == NOT_FOUND
        assert api.delete(f"{FILES}/{id}", caller=caller).error == NOT_FOUND

    def test_nobody_else_deletes_not_even_a_new_owner(self, api: InProcessApi) -> None:
        """files.md Checklist: DELETE […] by anyone else (including a new owner) -> 403 `error.platform.forbidden`"""
        creator, owner = new_caller(), new_caller()
        created = upload(api, creator)
        claim(api, created["id"], created["ownershipToken"], owner)

        for stranger in (owner, new_caller()):
            assert api.delete(f"{FILES}/{created['id']}", caller=stranger).error == FORBIDDEN
        assert api.delete(f"{FILES}/{created['id']}", caller=creator).status == 204

    @pytest.mark.parametrize(("id", "error"), [("FIL", NOT_FOUND), ("XYZ123", INVALID)])
    def test_unknown_and_invalid_ids(self, api: InProcessApi, id: str, error: tuple[int, str]) -> None:
        """files.md §3.5: invalid ID 400; unknown 404"""
        assert api.delete(f"{FILES}/{id}", caller=new_caller()).error == error

    def test_the_content_is_left_to_the_stream(self, api: InProcessApi) -> None:
        """docs/decisions/payloads.md: see test_crash_safety.py for what follows"""
        caller = new_caller()
        id = upload(api, caller)["id"]
        api.delete(f"{FILES}/{id}", caller=caller)

        assert payloads.client().head_object(Bucket=BUCKET, Key=f"files/{id}/content")


def in_order(api: InProcessApi, caller: Caller) -> Any:
    """A new file, created later than those before."""
    time.sleep(0.002)
    return upload(api, caller, expiresAt=in_days(1))
