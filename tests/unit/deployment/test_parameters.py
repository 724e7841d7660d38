"""Parameters stay as they were unless they are given or reset, and what the template refuses is told at once."""

from typing import Any

import pytest

from infra.deployment.aws import DeploymentError
from infra.deployment.parameters import chosen, effective, summary

DECLARED: dict[str, dict[str, Any]] = {
    "Domain": {"Type": "String", "MinLength": 3, "MaxLength": 5, "AllowedPattern": "[a-z]*"},
    "Rate": {"Type": "Number", "Default": 10, "MinValue": 1, "MaxValue": 100},
    "Level": {"Type": "String", "Default": "INFO", "AllowedValues": ["DEBUG", "INFO"]},
    "Flag": {"Type": "String", "Default": "false", "AllowedValues": ["true", "false"]},
}


def mistakes(given: dict[str, str], deployed: dict[str, str] | None = None, reset: tuple[str, ...] = ()) -> list[str]:
    with pytest.raises(DeploymentError) as refusal:
        chosen(DECLARED, deployed or {}, given, reset)
    return str(refusal.value).splitlines()


def test_what_is_not_named_again_keeps_its_value() -> None:
    deployed = {"Domain": "abc", "Rate": "20", "Level": "DEBUG", "Removed": "x"}

    parameters = chosen(DECLARED, deployed, {"Rate": "30"})

    assert parameters == {"Domain": None, "Rate": "30", "Level": None}
    values = effective(DECLARED, deployed, parameters)
    assert values == {"Domain": "abc", "Rate": "30", "Level": "DEBUG", "Flag": "false"}
    assert summary(deployed, values) == ["Flag: new -> false", "Rate: 20 -> 30"]


def test_what_is_reset_gets_its_default() -> None:
    deployed = {"Domain": "abc", "Rate": "20", "Level": "DEBUG"}

    parameters = chosen(DECLARED, deployed, {}, ["Level", "configuration"])

    assert parameters == {"Domain": None, "Rate": None}
    assert effective(DECLARED, deployed, parameters)["Level"] == "INFO"


def test_all_mistakes_are_told_at_once() -> None:
    assert mistakes({"Domain": "ab", "Rate": "1000", "Level": "LOUD", "level": "x"}) == [
        "level: the template has no such parameter; is it Level?",
        "Domain: 'ab' has fewer than 3 characters",
        "Rate: 1000 is more than 100",
        "Level: 'LOUD' is none of DEBUG, INFO",
    ]


def test_each_limit_of_the_template_is_kept() -> None:
    for given, refusal in [
        ({}, "Domain: it has no default, a value must be given"),
        ({"Domain": "abcdef"}, "Domain: 'abcdef' has more than 5 characters"),
        ({"Domain": "ABC"}, "Domain: 'ABC' does not match [a-z]*"),
        ({"Domain": "abc", "Rate": "0"}, "Rate: 0 is less than 1"),
        ({"Domain": "abc", "Rate": "many"}, "Rate: 'many' is no number"),
    ]:
        assert mistakes(given) == [refusal]
    assert mistakes({"Domain": "abc", "Rate": "1"}, reset=("Rate",)) == ["Rate: it cannot be given and reset at once"]
    assert mistakes({}, {"Domain": "abc"}, reset=("Domain",)) == ["Domain: it has no default, a value must be given"]


def test_a_kept_value_that_a_new_template_refuses_is_told() -> None:
    assert mistakes({}, {"Domain": "abc", "Level": "TRACE"}) == ["Level: 'TRACE' is none of DEBUG, INFO"]
