"""Uploads as HTTP libraries write them.  Contract: files.md, section 3.1; RFC 7578, 5987, 2183.

`captures/accepted` and `captures/refused` hold requests: the content type, an empty line, and the body.  Those of curl,
httpx, requests, aiohttp, Node.js, axios and Java were recorded, those of .NET, OkHttp and Dart written as their sources
publish it, the rest shows one peculiarity each.
"""

from pathlib import Path

import pytest

from tests.support.api import InProcessApi, new_caller
from tests.unit.files import test_server as server
from tests.unit.files.uploads import FILES, UNPARSABLE

CONTENT = b"a\r\n--b\r\n\xff\x00end"
CAPTURES = Path(__file__).parent / "captures"
ACCEPTED, REFUSED = (sorted((CAPTURES / outcome).glob("*.http")) for outcome in ("accepted", "refused"))


def read(capture: Path) -> tuple[bytes, str]:
    """Body and content type."""
    head, _, body = capture.read_bytes().partition(b"\r\n\r\n")
    return body, head.decode().removeprefix("Content-Type: ")


def test_every_library_has_its_way(api: InProcessApi) -> None:
    """files.md §3.1: must carry a `filename`; any name and any part content type accepted"""
    caller = new_caller()
    assert len(ACCEPTED) >= 35
    for capture in ACCEPTED:
        body, content_type = read(capture)

        by_function = api.post(FILES, body=body, headers={"content-type": content_type}, caller=caller)
        by_server = server.call(body=body, content_type=content_type, caller=caller)

        assert (by_function.status, by_server.status) == (201, 201), f"{capture.stem}: {by_function.body}"
        for created in (by_function.result, by_server.json["result"]):
            found = api.get(f"{FILES}/{created['id']}", caller=caller)
            assert found.content == CONTENT, capture.stem
            assert (created["cipherHash"], created["cipherSize"]) == ("aGFzaA", len(CONTENT)), capture.stem


@pytest.mark.parametrize("capture", REFUSED, ids=lambda capture: str(capture.stem))
def test_what_has_no_file_or_no_form_cannot_be_bound(api: InProcessApi, capture: Path) -> None:
    """files.md §3.1, step 3: `content` missing or not a file part; malformed form"""
    body, content_type = read(capture)
    caller = new_caller()

    by_function = api.post(FILES, body=body, headers={"content-type": content_type}, caller=caller)

    assert by_function.error == UNPARSABLE
    assert server.call(body=body, content_type=content_type, caller=caller).error == UNPARSABLE


def test_headers_that_are_too_large_cannot_be_bound(api: InProcessApi) -> None:
    """The reference's framework reads 16 headers and 16 KB of them per part."""
    body, content_type = read(CAPTURES / "accepted" / "curl.http")
    marker = b'Content-Disposition: form-data; name="content"'
    assert marker in body
    many = b"".join(b"X-%d: x\r\n" % number for number in range(17)) + marker
    long = b"X: " + b"x" * 17_000 + b"\r\n" + marker

    for headers in (many, long):
        sent = body.replace(marker, headers)
        answer = api.post(FILES, body=sent, headers={"content-type": content_type}, caller=new_caller())
        assert answer.error == UNPARSABLE
