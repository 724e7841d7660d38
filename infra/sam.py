"""SAM templates become plain CloudFormation, as CloudFormation itself would do it while it deploys.

Doing it before has two reasons. A change set shows what will happen inside nested stacks only as far as their templates
need no macro any more; and ministack 1.5.33 applies macros to the root stack alone. The translator is AWS's own, called
with the same arguments as ministack calls it.

It takes some 50 ms per template, so results are kept under `build/`, by what they were made from.
"""

import copy
import hashlib
import importlib.metadata
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform

from infra.build import BUILD

logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it misses a service that collects its metrics

Template = dict[str, Any]

TRANSFORM = "AWS::Serverless-2016-10-31"
_REMEMBERED = 100
_NO_ACCOUNT_POLICIES = SimpleNamespace(load=dict)
"""Names of AWS's own policies are known to the translator; no account has to be asked for more."""


class ExpansionError(Exception):
    """SAM does not understand a template; the message says which resource and why."""


class Expander:
    """Expands templates for a region, and remembers in the folder `cache` what came out."""

    def __init__(self, region: str, cache: Path = BUILD / "expanded") -> None:
        self._region = region
        self._cache = cache

    def __call__(self, template: Template) -> Template:
        """The template without SAM; itself, if it has none.  Raises `ExpansionError`."""
        if template.get("Transform") not in (TRANSFORM, [TRANSFORM]):
            return template
        file = self._cache / f"{self._key(template)}.json"
        try:
            known: Template = json.loads(file.read_text())
        except (OSError, ValueError):
            known = expanded(template, self._region)
            self._remember(file, known)
        return known

    def _key(self, template: Template) -> str:
        made_from = [importlib.metadata.version("aws-sam-translator"), self._region, template]
        return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:32]

    def _remember(self, file: Path, template: Template) -> None:
        self._cache.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(f".{os.getpid()}")  # others may do the same at the same time
        unfinished.write_text(json.dumps(template))
        unfinished.replace(file)
        by_age = sorted(self._cache.glob("*.json"), key=_modified, reverse=True)
        for old in by_age[_REMEMBERED:]:
            old.unlink(missing_ok=True)


def _modified(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0


def expanded(template: Template, region: str) -> Template:
    """The template after the SAM transform.  Raises `ExpansionError`."""
    with _region(region):
        try:
            result: Template = transform(copy.deepcopy(template), {}, _NO_ACCOUNT_POLICIES)
        except InvalidDocumentException as error:
            raise ExpansionError("; ".join(cause.message for cause in error.causes)) from None
    return result


@contextmanager
def _region(region: str) -> Iterator[None]:
    """The translator asks the environment where it is."""
    before = os.environ.get("AWS_DEFAULT_REGION")
    os.environ["AWS_DEFAULT_REGION"] = region
    try:
        yield
    finally:
        if before is None:
            del os.environ["AWS_DEFAULT_REGION"]
        else:
            os.environ["AWS_DEFAULT_REGION"] = before
