"""Tags over HTTP.  Contract: misc.md, section 1."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.tags import api as tags_api
from functions.tags import configuration
from functions.tags.configuration import SECTIONS
from tests.support.api import InProcessApi, new_caller
from tests.support.metering import metered

EXAMPLE: dict[str, Any] = {
    "SupportedLanguages": ["de", "en"],
    "TagsForAttributeValueTypes": {
        "IdentityFileReference": {
            "Schulabschluss": {
                "DisplayNames": {"de": "Abschluss", "en": "Degree"},
                "Children": {"Realschule": {"DisplayNames": {"de": "Realschule", "en": "Secondary School"}}},
            }
        },
        "PhoneNumber": {},
    },
}


@pytest.fixture(autouse=True)
def _configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    file = tmp_path / "configuration.json"
    file.write_text(json.dumps({SECTIONS[0]: EXAMPLE}))
    monkeypatch.setattr(configuration, "FILE", file)
    configuration.tags_configuration.cache_clear()
    tags_api.document.cache_clear()
    yield
    configuration.tags_configuration.cache_clear()
    tags_api.document.cache_clear()


def test_everybody_gets_the_tags_with_an_entity_tag(api: InProcessApi) -> None:
    """misc.md: `GET /api/v2/Tags` anonymous -> 200 with `supportedLanguages` containing `en` and an `ETag` header"""
    answer = api.get("/api/v2/Tags")

    assert answer.status == 200
    assert answer.result["supportedLanguages"] == ["de", "en"]
    assert answer.headers["etag"].startswith('"')
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert "cache-control" not in answer.headers


def test_names_are_verbatim_but_for_the_first_level_and_leaves_have_no_children(api: InProcessApi) -> None:
    """misc.md: tag keys: value types verbatim, first level camel-cased, leaves without `children` (or `{}`)"""
    assert api.get("/api/v2/Tags").result["tagsForAttributeValueTypes"] == {
        "IdentityFileReference": {
            "schulabschluss": {
                "displayNames": {"de": "Abschluss", "en": "Degree"},
                "children": {"Realschule": {"displayNames": {"de": "Realschule", "en": "Secondary School"}}},
            }
        },
        "PhoneNumber": {},
    }


def test_who_has_the_tags_gets_nothing_again(api: InProcessApi) -> None:
    """misc.md: repeat with `If-None-Match: <ETag>` -> 304, empty body; with another tag -> 200

    http-common.md §14: GET /api/v2/Tags twice, second with `If-None-Match` -> 304 empty
    """
    tag = api.get("/api/v2/Tags").headers["etag"]

    again = api.get("/api/v2/Tags", headers={"If-None-Match": tag})
    other = api.get("/api/v2/Tags", headers={"If-None-Match": '"other"'})

    assert (again.status, again.body, again.headers["etag"]) == (304, "", tag)
    assert "content-type" not in again.headers
    assert "x-response-time" in again.headers
    assert other.status == 200


def test_a_token_is_accepted_and_ignored(api: InProcessApi) -> None:
    """misc.md §1.1: anonymous; a token is accepted and ignored"""
    assert api.get("/api/v2/Tags", token="garbage").status == 200
    assert api.get("/api/v2/Tags", token="a.b.c").result == api.get("/api/v2/Tags").result


def test_a_change_of_the_configuration_changes_the_entity_tag(api: InProcessApi) -> None:
    before = api.get("/api/v2/Tags").headers["etag"]
    configuration.FILE.write_text(json.dumps({SECTIONS[0]: {"SupportedLanguages": ["en"]}}))
    configuration.tags_configuration.cache_clear()
    tags_api.document.cache_clear()

    after = api.get("/api/v2/Tags", headers={"If-None-Match": before})

    assert after.status == 200
    assert after.headers["etag"] != before


def test_nothing_is_asked_of_the_database(api: InProcessApi) -> None:
    with metered() as meter:
        api.get("/api/v2/Tags", caller=new_caller())

    assert meter.calls == []
