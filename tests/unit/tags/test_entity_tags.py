"""Conditional requests.  Contract: misc.md, section 1.2."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.tags.entity_tags import entity_tag, matches

CURRENT = '"rL0Y20zC+Fzt72VPzMSk2A=="'


def test_the_entity_tag_is_the_md5_of_the_body() -> None:
    """misc.md §1.1: `ETag: "<standard base64 of the MD5 of the complete response body>"`"""
    assert entity_tag("äbc") == f'"{base64.b64encode(hashlib.md5("äbc".encode()).digest()).decode()}"'


@pytest.mark.parametrize(
    "sent", [CURRENT, f"W/{CURRENT}", f'"other", {CURRENT}', f'W/"a,b" ,W/{CURRENT}', f" {CURRENT} "]
)
def test_the_current_tag_matches_weakly_and_among_others(sent: str) -> None:
    """misc.md §1.2: weak comparison: `W/` prefix ignored; several tags allowed"""
    assert matches(sent, CURRENT)


@pytest.mark.parametrize(
    "sent", [None, "", "*", '"other"', CURRENT.strip('"'), f"{CURRENT};", f"w/{CURRENT}", f'"{CURRENT}', f"{CURRENT} x"]
)
def test_anything_else_does_not(sent: str | None) -> None:
    """misc.md §1.2: other or malformed `If-None-Match`, `*` -> 200"""
    assert not matches(sent, CURRENT)


@given(st.text())
def test_no_header_makes_it_fail(sent: str) -> None:
    assert matches(sent, CURRENT) in (True, False)
