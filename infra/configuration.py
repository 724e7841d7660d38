"""The operator's configuration file: what is too large for parameters.  Decision: docs/decisions/configuration-file.md.

    python -m infra.configuration FILE     checks it; one line per mistake

The file has the form of the reference's `appsettings.json`, and may be the operator's own: a service with a module
`configuration.py` names the sections it reads, and only these get into its package. Everything else stays out.
"""

import importlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

ROOT = Path(__file__).resolve().parent.parent
NAME = "configuration.json"


class ConfigurationError(Exception):
    """The file cannot be used; the message says why, one line per mistake."""


def sections_by_service(file: Path) -> dict[str, dict[str, Any]]:
    """The checked sections of each service that has any.  Raises `ConfigurationError`."""
    settings = _read(file)
    found: dict[str, dict[str, Any]] = {}
    mistakes: list[str] = []
    for service in _configured_services():
        module = importlib.import_module(f"functions.{service}.configuration")
        wanted = {section: _section(settings, section.split(":")) for section in module.SECTIONS}
        sections = {section: value for section, value in wanted.items() if value is not None}
        try:
            module.read(sections)
        except ValidationError as error:
            mistakes += [f"{file}: {mistake}" for mistake in _mistakes(error, module.SECTIONS)]
        found[service] = sections
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))
    return found


def _configured_services() -> list[str]:
    return sorted(module.parent.name for module in (ROOT / "functions").glob("*/configuration.py"))


def _read(file: Path) -> Mapping[str, Any]:
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigurationError(f"{file}: this is not JSON: {error}") from None
    if not isinstance(settings, dict):
        raise ConfigurationError(f"{file}: this is not a JSON object")
    return settings


def _section(settings: Mapping[str, Any], path: list[str]) -> Any:
    """A section by its path; names match in any case.  None: there is none."""
    value: Any = settings
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = next((value[key] for key in value if key.lower() == name.lower()), None)
    return value


def _mistakes(error: ValidationError, sections: tuple[str, ...]) -> Iterator[str]:
    for mistake in error.errors(include_url=False, include_input=False):
        place = [str(part) for part in mistake["loc"]]
        # With one section, its members are read; with several, the sections themselves.
        yield ":".join([*(sections if len(sections) == 1 else ()), *place]) + f": {mistake['msg']}"


def main() -> None:
    """Check the file named on the command line."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m infra.configuration FILE")
    try:
        found = sections_by_service(Path(sys.argv[1]))
    except ConfigurationError as error:
        sys.exit(str(error))
    for service, sections in found.items():
        print(f"{service:10}{', '.join(sections) or 'nothing: its defaults apply'}")


if __name__ == "__main__":
    main()
