"""POST /api/v2/Files.  Contract: files.md, sections 3.1 and Checklist."""

import pytest

from backbone.dynamodb import Table, client
from backbone.encoding import to_base64url
from backbone.events import carried_by
from backbone.ids import FileId
from backbone.settings import settings
from functions.files.domain import OWNERSHIP_TOKEN_ALPHABET
from tests.support.api import InProcessApi, new_caller
from tests.unit.files.uploads import (
    CONTENT,
    FILES,
    HASH,
    INVALID,
    PROPERTIES,
    SIGNATURE,
    UNPARSABLE,
    WRONG_SIZE,
    encoded,
    form,
    in_days,
    metadata,
    post,
    upload,
)

MIB = 1024 * 1024


def nothing_is_stored() -> bool:
    """No item was written."""
    return bool(client().scan(TableName=settings().files_table)["Count"] == 0)


def test_without_token_it_is_unauthorized(api: InProcessApi) -> None:
    """files.md Checklist: POST without token -> 401"""
    answer = post(api, form(), None)

    assert (answer.status, answer.body) == (401, "")


def test_json_is_an_unsupported_media_type(api: InProcessApi) -> None:
    """files.md Checklist: POST with JSON content type -> 415"""
    assert api.post(FILES, {}, caller=new_caller()).status == 415


def test_a_file_is_uploaded(api: InProcessApi) -> None:
    """files.md Checklist: POST with valid fields -> 201, `ownershipToken` of 20 allowed characters, `Location` ends
    with `/api/v2/Files/{id}`, no `encryptedProperties` member"""
    caller, expires_at = new_caller(), in_days(3)

    answer = post(api, form(expiresAt=expires_at), caller)

    created = answer.result
    assert answer.status == 201
    assert FileId.is_valid(created["id"])
    assert answer.headers["location"].endswith(f"/api/v2/Files/{created['id']}")
    assert len(created["ownershipToken"]) == 20
    assert set(created["ownershipToken"]) <= set(OWNERSHIP_TOKEN_ALPHABET)
    del created["ownershipToken"]
    assert created == {
        "id": created["id"],
        "createdAt": created["createdAt"],
        "createdBy": caller.address,
        "createdByDevice": caller.device_id,
        "modifiedAt": created["createdAt"],
        "modifiedBy": caller.address,
        "deletedAt": None,
        "deletedBy": None,
        "owner": caller.address,
        "ownerSignature": to_base64url(SIGNATURE),
        "cipherHash": to_base64url(HASH),
        "cipherSize": len(CONTENT),
        "expiresAt": expires_at,
    }


def test_the_owner_is_the_caller_whatever_the_form_says(api: InProcessApi) -> None:
    """files.md Checklist: POST with `owner` of somebody else -> 201, owner = caller"""
    caller = new_caller()

    assert upload(api, caller, owner=new_caller().address)["owner"] == caller.address


@pytest.mark.parametrize("size", [0, 10 * MIB + 1])
def test_a_content_of_the_wrong_size_is_refused(api: InProcessApi, size: int) -> None:
    """files.md Checklist: POST content of 0 bytes -> 400 `InclusiveBetweenValidator`; […] 10 485 761 bytes -> 400"""
    assert post(api, form(bytes(size)), new_caller()).error == WRONG_SIZE
    assert nothing_is_stored()


@pytest.mark.parametrize("size", [1, 10 * MIB])
def test_a_content_of_1_byte_to_10_mib_is_accepted(api: InProcessApi, size: int) -> None:
    """files.md Checklist: 10 485 760 bytes -> 201"""
    assert upload(api, new_caller(), bytes(size))["cipherSize"] == size


def test_the_size_of_the_content_is_told_before_other_rules(api: InProcessApi) -> None:
    """files.md §3.1, steps 4 to 6"""
    fields = form(b"", cipherHash="#", ownerSignature="#", expiresAt=in_days(-1))

    assert post(api, fields, new_caller()).error == WRONG_SIZE


def test_binding_comes_before_the_size_of_the_content(api: InProcessApi) -> None:
    """files.md §3.1, steps 3 and 4"""
    assert post(api, form(b"", cipherHash=None), new_caller()).error == UNPARSABLE


@pytest.mark.parametrize("field", ["cipherHash", "ownerSignature", "encryptedProperties"])
@pytest.mark.parametrize("value", [None, "", "   "])
def test_a_missing_or_empty_field_cannot_be_bound(api: InProcessApi, field: str, value: str | None) -> None:
    """files.md Checklist: POST without `cipherHash` or with empty `cipherHash` -> 400 `inputCannotBeParsed`"""
    assert post(api, form(**{field: value}), new_caller()).error == UNPARSABLE


@pytest.mark.parametrize(
    ("field", "size"), [("cipherHash", 129), ("ownerSignature", 513), ("encryptedProperties", MIB + 1)]
)
def test_a_field_that_is_too_long_is_refused(api: InProcessApi, field: str, size: int) -> None:
    """files.md Checklist: POST `cipherHash` of 129 bytes, `ownerSignature` of 513 bytes, `encryptedProperties` of
    1 MiB + 1 -> 400 `error.platform.validation.invalidPropertyValue`"""
    assert post(api, form(**{field: to_base64url(bytes(size))}), new_caller()).error == INVALID
    assert nothing_is_stored()


def test_the_longest_fields_are_accepted_and_returned(api: InProcessApi) -> None:
    """files.md §3.1: 128 bytes, 512 bytes, 1 MiB"""
    fields = {"cipherHash": 128, "ownerSignature": 512, "encryptedProperties": MIB}
    values = {name: to_base64url(bytes([7]) * size) for name, size in fields.items()}

    found = metadata(api, upload(api, new_caller(), **values)["id"])

    assert {name: found[name] for name in fields} == values


@pytest.mark.parametrize("expires_at", ["2020-01-01T00:00:00.000Z", None, "0001-01-01"])
def test_a_file_expires_in_the_future(api: InProcessApi, expires_at: str | None) -> None:
    """files.md Checklist: POST `expiresAt` in the past or missing -> 400 `invalidPropertyValue`"""
    assert post(api, form(expiresAt=expires_at), new_caller()).error == INVALID
    assert nothing_is_stored()


@pytest.mark.parametrize("expires_at", ["", "tomorrow", "2024-13-01", "99999-01-01"])
def test_an_expiry_that_is_no_date_cannot_be_bound(api: InProcessApi, expires_at: str) -> None:
    """files.md Checklist: [`expiresAt`] unparsable -> 400 `error.platform.inputCannotBeParsed`"""
    assert post(api, form(expiresAt=expires_at), new_caller()).error == UNPARSABLE


@pytest.mark.parametrize(
    ("expires_at", "read_as"),
    [
        ("9999-12-31T00:00:00.000Z", "9999-12-31T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ("2999-12-31", "2999-12-31T00:00:00.000Z"),
        ("2999-12-31T12:00:00+02:00", "2999-12-31T10:00:00.000Z"),
        ("2999-12-31T12:00:00", "2999-12-31T12:00:00.000Z"),
    ],
)
def test_far_future_and_other_ways_of_writing_dates(api: InProcessApi, expires_at: str, read_as: str) -> None:
    """files.md Checklist: POST `expiresAt=9999-12-31T00:00:00.000Z` -> 201; §3.1 on dates"""
    assert upload(api, new_caller(), expiresAt=expires_at)["expiresAt"] == read_as


@pytest.mark.parametrize("text", ["++//AQ==", "--__AQ", "--__AQ==", " ++ //\r\nAQ== "])
def test_both_kinds_of_base64_are_read_and_base64url_is_written(api: InProcessApi, text: str) -> None:
    """files.md Checklist: POST accepts standard base64 and base64url in the text fields; responses use base64url
    without padding"""
    created = upload(api, new_caller(), cipherHash=text, ownerSignature=text, encryptedProperties=text)

    found = metadata(api, created["id"])
    assert {created["cipherHash"], found["ownerSignature"], found["encryptedProperties"]} == {"--__AQ"}


@pytest.mark.parametrize("field", ["cipherHash", "ownerSignature", "encryptedProperties"])
def test_what_is_no_base64_is_refused(api: InProcessApi, field: str) -> None:
    """files.md Surprise 5: 500 in the reference; a 400 `invalidPropertyValue` would be a tolerable deviation"""
    for text in ("#", "A", "ä", "===="):
        assert post(api, form(**{field: text}), new_caller()).error == INVALID


def test_the_content_is_a_file_part(api: InProcessApi) -> None:
    """files.md §3.1: `content` missing or not a file part -> 400 `inputCannotBeParsed`"""
    for content in ({}, {"content": "text"}, {"content": ("", b"no file name")}):
        assert post(api, {**form(None), **content}, new_caller()).error == UNPARSABLE


def test_names_of_fields_match_in_any_case_and_unknown_fields_are_ignored(api: InProcessApi) -> None:
    """files.md §1: form field names are matched case-insensitively; §3.1: unknown form fields are ignored"""
    fields = {name.upper(): value for name, value in form().items()}

    assert post(api, {**fields, "more": "x", "other": ("f", b"y")}, new_caller()).status == 201


def test_only_the_first_content_is_used(api: InProcessApi) -> None:
    """files.md §3.1: Only the first part named `content` is used."""
    body, content_type = encoded(form(b"first"))
    second, second_type = encoded({"content": ("f", b"second")})
    boundary, other = (text.rpartition("=")[2].encode() for text in (content_type, second_type))
    both = body.removesuffix(b"--" + boundary + b"--\r\n") + second.replace(other, boundary)
    caller = new_caller()

    id = api.post(FILES, body=both, headers={"content-type": content_type}, caller=caller).result["id"]

    assert api.get(f"{FILES}/{id}", caller=caller).content == b"first"


def test_a_form_that_is_too_large_cannot_be_bound(api: InProcessApi) -> None:
    """files.md §3.1: a text field over 4 MiB; request over 20 MiB -> 400 `inputCannotBeParsed`"""
    assert post(api, form(encryptedProperties="A" * (4 * MIB + 4)), new_caller()).error == UNPARSABLE
    assert post(api, form(other=("f", bytes(20 * MIB))), new_caller()).error == UNPARSABLE


def test_an_operator_may_allow_larger_files(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/decisions/large-uploads.md: `MaxFileBytes`"""
    monkeypatch.setenv("BACKBONE_MAX_FILE_BYTES", str(15 * MIB))
    settings.cache_clear()

    assert upload(api, new_caller(), bytes(14 * MIB))["cipherSize"] == 14 * MIB


def test_the_upload_tells_quotas(api: InProcessApi) -> None:
    """files.md §5: `FileUploaded`, payload `FileId`, `Owner`, id `{fileId}/Created`"""
    caller = new_caller()
    id = upload(api, caller)["id"]

    (event,) = carried_by(Table(settings().files_table).get({"pk": id}))
    assert (event.name, event.id) == ("FileUploaded", f"{id}/Created")
    assert event.payload == {"fileId": id, "owner": caller.address}


def test_small_properties_ride_on_the_item_and_the_content_never_does(api: InProcessApi) -> None:
    """docs/decisions/payloads.md; content in S3 only"""
    item = Table(settings().files_table).get({"pk": upload(api, new_caller(), b"x")["id"]})

    assert item is not None
    assert item["encryptedProperties"] == PROPERTIES
    assert item["blob"] == {f"files/{item['pk']}/content"}
    assert "content" not in item
