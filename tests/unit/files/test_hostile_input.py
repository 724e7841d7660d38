"""Hostile forms: never a 500, never something stored."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backbone import settings as backbone_settings
from backbone.dynamodb import client
from tests.support.api import Answer, InProcessApi, new_caller
from tests.unit.files.uploads import FILES, UNPARSABLE, encoded, form, post

pytestmark = pytest.mark.slow

CALLER = new_caller()
BODY, CONTENT_TYPE = encoded(form())
SHARED = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TYPES = st.sampled_from(
    [
        CONTENT_TYPE,
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary="',
        "multipart/form-data; boundary=x",
        "multipart/form-data; boundary=ä",
        "MULTIPART/FORM-DATA; BOUNDARY=x; boundary=y",
        "multipart/form-data; boundary=" + "x" * 5000,
    ]
)


def send(api: InProcessApi, body: bytes, content_type: str) -> Answer:
    return api.post(FILES, body=body, headers={"content-type": content_type}, caller=CALLER)


def stored() -> int:
    found: int = client().scan(TableName=backbone_settings.settings().files_table)["Count"]
    return found


@SHARED
@given(body=st.binary(max_size=300), content_type=TYPES)
def test_any_bytes_are_refused(api: InProcessApi, body: bytes, content_type: str) -> None:
    assert send(api, body, content_type).error == UNPARSABLE
    assert stored() == 0


@SHARED
@given(at=st.integers(0, len(BODY) - 1), length=st.integers(1, 200), junk=st.binary(max_size=50))
def test_a_form_with_a_hole_is_accepted_or_refused(api: InProcessApi, at: int, length: int, junk: bytes) -> None:
    before = stored()

    answer = send(api, BODY[:at] + junk + BODY[at + length :], CONTENT_TYPE)

    assert answer.status in (201, 400), answer.body
    assert stored() - before == (answer.status == 201)


@SHARED
@given(
    fields=st.dictionaries(
        st.sampled_from(["cipherHash", "ownerSignature", "expiresAt", "encryptedProperties", "owner", "x"]),
        st.text(max_size=60),
        max_size=4,
    )
)
def test_any_texts_are_accepted_or_refused(api: InProcessApi, fields: dict[str, str]) -> None:
    assert post(api, form(**fields), CALLER).status in (201, 400)


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/mixed; boundary=x", "multipart"]
)
def test_other_media_types_are_unsupported(api: InProcessApi, content_type: str) -> None:
    """files.md §3.1 step 2: not multipart -> 415"""
    assert send(api, BODY, content_type).status == 415


def test_a_form_of_very_many_parts_is_refused(api: InProcessApi) -> None:
    body, content_type = encoded({f"f{number}": "x" for number in range(2000)})

    assert send(api, body, content_type).error == UNPARSABLE


def test_without_body_there_is_no_form(api: InProcessApi) -> None:
    assert send(api, b"", CONTENT_TYPE).error == UNPARSABLE
