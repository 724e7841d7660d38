"""The parameters of a deployment: given ones, those of the last time, defaults again; and what the template refuses."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from infra.deployment.aws import DeploymentError

CONFIGURATION = "configuration"
"""What `--reset` calls the operator's file, which is no parameter."""
DOMAIN = "DidDomainName"


def chosen(
    declared: Mapping[str, Mapping[str, Any]],
    deployed: Mapping[str, str],
    given: Mapping[str, str],
    reset: Collection[str] = (),
) -> dict[str, str | None]:
    """The parameters to deploy with; None keeps the deployed value. What is missing gets its default.

    CloudFormation itself would go back to the default of every parameter that is not named again.
    Raises `DeploymentError` with a line per mistake.
    """
    kept: dict[str, str | None] = {name: None for name in deployed if name in declared and name not in reset}
    parameters = kept | {name: value for name, value in given.items() if name not in reset}
    mistakes = list(_mistakes(declared, deployed, given, reset, parameters))
    if mistakes:
        raise DeploymentError("\n".join(mistakes))
    return parameters


def effective(
    declared: Mapping[str, Mapping[str, Any]], deployed: Mapping[str, str], parameters: Mapping[str, str | None]
) -> dict[str, str]:
    """The value that each parameter will have."""
    defaults = {name: str(definition.get("Default", "")) for name, definition in declared.items()}
    return defaults | {name: deployed[name] if value is None else value for name, value in parameters.items()}


def _mistakes(
    declared: Mapping[str, Mapping[str, Any]],
    deployed: Mapping[str, str],
    given: Mapping[str, str],
    reset: Collection[str],
    parameters: Mapping[str, str | None],
) -> Iterator[str]:
    for name in [*given, *reset]:
        if name not in declared and name != CONFIGURATION:
            yield f"{name}: the template has no such parameter{_similar(name, declared)}"
    for name in sorted(set(given).intersection(reset)):
        yield f"{name}: it cannot be given and reset at once"
    values = effective(declared, deployed, {name: value for name, value in parameters.items() if name in declared})
    for name, definition in declared.items():
        if "Default" not in definition and name not in parameters:
            yield f"{name}: it has no default, a value must be given"
        else:
            yield from (f"{name}: {refusal}" for refusal in _refusals(definition, values[name]))


def _similar(name: str, declared: Collection[str]) -> str:
    return next((f"; is it {other}?" for other in declared if other.lower() == name.lower()), "")


def _refusals(definition: Mapping[str, Any], value: str) -> Iterator[str]:
    """Why the template refuses a value, as CloudFormation would."""
    allowed = [str(choice) for choice in definition.get("AllowedValues", [])]
    if allowed and value not in allowed:
        yield f"{value!r} is none of {', '.join(allowed)}"
    if definition["Type"] == "Number":
        yield from _refusals_of_number(definition, value)
        return
    if len(value) < int(definition.get("MinLength", 0)):
        yield f"{value!r} has fewer than {definition['MinLength']} characters"
    if len(value) > int(definition.get("MaxLength", len(value))):
        yield f"{value!r} has more than {definition['MaxLength']} characters"
    if not re.fullmatch(definition.get("AllowedPattern", r"(?s:.*)"), value):
        yield definition.get("ConstraintDescription") or f"{value!r} does not match {definition['AllowedPattern']}"


def _refusals_of_number(definition: Mapping[str, Any], value: str) -> Iterator[str]:
    try:
        number = float(value)
    except ValueError:
        yield f"{value!r} is no number"
        return
    if number < float(definition.get("MinValue", number)):
        yield f"{value} is less than {definition['MinValue']}"
    if number > float(definition.get("MaxValue", number)):
        yield f"{value} is more than {definition['MaxValue']}"


def summary(deployed: Mapping[str, str], values: Mapping[str, str]) -> list[str]:
    """Which parameters change, a line each."""
    return [
        f"{name}: {deployed.get(name, 'new')} -> {value or '(empty)'}"
        for name, value in sorted(values.items())
        if name not in deployed or deployed[name] != value
    ]
