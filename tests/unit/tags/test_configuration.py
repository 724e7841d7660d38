"""What the operator may configure.  Contract: misc.md, section 1.4."""

from typing import Any

import pytest
from pydantic import ValidationError

from backbone.http import camel_case
from functions.tags import configuration
from functions.tags.configuration import SECTIONS, TagsConfiguration, tags_configuration


def read(section: dict[str, Any]) -> TagsConfiguration:
    return configuration.read({SECTIONS[0]: section})


def tag(**languages: str) -> dict[str, Any]:
    return {"DisplayNames": languages}


def test_what_applies_without_a_file_is_english_without_tags() -> None:
    tags_configuration.cache_clear()

    assert tags_configuration().supported_languages == ("en",)
    assert tags_configuration().tags_for_attribute_value_types == {}


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ({}, "SupportedLanguages"),
        ({"SupportedLanguages": []}, "must contain 'en'"),
        ({"SupportedLanguages": ["de"]}, "must contain 'en'"),
        ({"SupportedLanguages": ["en", "xz"]}, "'xz' is not a two-letter language code"),
        ({"SupportedLanguages": ["en", "DE"]}, "'DE' is not a two-letter language code"),
        ({"SupportedLanguages": ["en", "en"]}, "names a language twice"),
        ({"SupportedLanguages": ["en"], "TagsForAttributeValueType": {}}, "TagsForAttributeValueType"),
    ],
)
def test_languages_must_be_known_and_contain_english(section: dict[str, Any], complaint: str) -> None:
    """misc.md: configuration without `en`, with an uncovered language, with first-level tag `x` -> start fails"""
    with pytest.raises(ValidationError, match=complaint):
        read(section)


@pytest.mark.parametrize(
    ("tags", "complaint"),
    [
        ({"degree": tag(en="Degree")}, "Phone:degree: display name missing for de"),
        ({"degree": {**tag(en="D", de="D"), "Children": {"a": tag(en="A")}}}, "Phone:degree:a: display name missing"),
        ({"degree": tag(en="D", de="D", fr="D")}, "Phone:degree: display name for unsupported language fr"),
        ({"x": tag(en="X", de="X")}, "must not be named 'x'"),
        ({"X": tag(en="X", de="X")}, "must not be named 'X'"),
        ({"Abc": tag(en="A", de="A"), "abc": tag(en="A", de="A")}, "shown under the same name"),
        ({"degree": {}}, "DisplayNames"),
    ],
)
def test_tags_need_all_languages_and_a_name_of_their_own(tags: dict[str, Any], complaint: str) -> None:
    """misc.md: configuration without `en`, with an uncovered language, with first-level tag `x` -> start fails"""
    with pytest.raises(ValidationError, match=complaint):
        read({"SupportedLanguages": ["de", "en"], "TagsForAttributeValueTypes": {"Phone": tags}})


def test_a_deeper_tag_may_be_named_x() -> None:
    """misc.md §1.4: a *first-level* tag is named `x` or `X`"""
    tags = {"degree": {**tag(en="D"), "Children": {"x": tag(en="X")}}}

    assert read({"SupportedLanguages": ["en"], "TagsForAttributeValueTypes": {"Phone": tags}})


def test_names_of_settings_match_in_any_case() -> None:
    """misc.md §7.1: Keys are case-insensitive"""
    assert read({"supportedLanguages": ["en"], "TAGSFORATTRIBUTEVALUETYPES": {}}).supported_languages == ("en",)


def test_a_mistake_stops_the_function(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """misc.md: missing required configuration -> start fails"""
    file = tmp_path / "configuration.json"
    file.write_text('{"Modules:Tags:Application": {"SupportedLanguages": ["de"]}}')
    monkeypatch.setattr(configuration, "FILE", file)
    tags_configuration.cache_clear()

    with pytest.raises(ValidationError, match="must contain 'en'"):
        tags_configuration()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Schulabschluss", "schulabschluss"),
        ("schulabschluss", "schulabschluss"),
        ("MyFlag", "myFlag"),
        ("ABC", "abc"),
        ("URLValue", "urlValue"),
        ("X1", "x1"),
        ("", ""),
        ("Ä", "ä"),
        ("AB cd", "ab cd"),
    ],
)
def test_leading_capitals_are_lowered(name: str, shown: str) -> None:
    """http-common.md §6: `MyFlag` -> `myFlag`, `ABC` -> `abc`, `URLValue` -> `urlValue`"""
    assert camel_case(name) == shown
