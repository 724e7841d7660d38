"""A template made ready to deploy: local files it names are uploaded, and the names replaced by where they went.

This is what `aws cloudformation package` does, for the properties this project uses. A path is relative to the folder
of the template that names it; what lies in the project's `build/` is taken from the folder with this deployment's
packages. Keys are content hashes: what has not changed has the same name, so CloudFormation sees no change either.

With `expand`, SAM templates become plain CloudFormation before they are uploaded, nested ones included.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from infra.build import BUILD
from infra.sam import Template

Upload = Callable[[str, bytes], str]
"""Stores bytes under a name and returns their key in the artifact bucket."""
Expand = Callable[[Template], Template]
"""Turns a SAM template into plain CloudFormation (`infra.sam`)."""

FILES = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::Api": "DefinitionUri",
    "AWS::Serverless::HttpApi": "DefinitionUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}
"""Which property of a resource names a file that is uploaded as it is."""
_TEMPLATES = {
    "AWS::Serverless::Application": "Location",
    "AWS::CloudFormation::Stack": "TemplateURL",
}
"""Which property names another template."""


class PackageError(Exception):
    """A template names a file that is not there; the message says which, in one line."""


class Packager:
    """Packages templates into one bucket.

    `build` is the folder of the packages that templates find in `build/`; `url` is where CloudFormation reads the
    bucket's objects.
    """

    def __init__(self, build: Path, bucket: str, url: str, upload: Upload, *, expand: Expand | None = None) -> None:
        self._build = build
        self._bucket = bucket
        self._url = url
        self._upload = upload
        self._expand = expand
        self._keys: dict[Path, str] = {}

    @property
    def keys(self) -> set[str]:
        """The keys of all that has been packaged so far."""
        return set(self._keys.values())

    def package(self, file: Path, metadata: Mapping[str, Any] | None = None) -> str:
        """Upload the template in `file` and everything it refers to; return the URL of the packaged template.

        `metadata` is added to the template's own.  Raises `PackageError`.
        """
        if file not in self._keys:
            template: Template = yaml_parse(_content(file, file))
            if metadata:
                template["Metadata"] = {**template.get("Metadata", {}), **metadata}
            for kind, properties in properties_of(template):
                self._replace_paths(kind, properties, file)
            if self._expand is not None:
                template = self._expand(template)
            self._keys[file] = self._store(json.dumps(template).encode(), ".template")
        return f"{self._url}/{self._keys[file]}"

    def _replace_paths(self, kind: str, properties: dict[str, Any], named_in: Path) -> None:
        for name, replace in ((FILES.get(kind), self._location), (_TEMPLATES.get(kind), self._nested)):
            if name and _is_local(properties.get(name)):
                properties[name] = replace(Path(os.path.normpath(named_in.parent / properties[name])), named_in)

    def _nested(self, file: Path, named_in: Path) -> str:
        _content(file, named_in)
        return self.package(file)

    def _location(self, file: Path, named_in: Path) -> dict[str, str]:
        file = self._build / file.relative_to(BUILD) if file.is_relative_to(BUILD) else file
        if file not in self._keys:
            self._keys[file] = self._store(_content(file, named_in), file.suffix)
        return {"Bucket": self._bucket, "Key": self._keys[file]}

    def _store(self, content: bytes, suffix: str) -> str:
        return self._upload(hashlib.sha256(content).hexdigest()[:32] + suffix, content)


def properties_of(template: Template) -> list[tuple[str, dict[str, Any]]]:
    """The types and properties of all resources, and what `Globals` says about a type of SAM."""
    resources = [(resource["Type"], resource.get("Properties", {})) for resource in template["Resources"].values()]
    return resources + [(f"AWS::Serverless::{kind}", common) for kind, common in template.get("Globals", {}).items()]


def _is_local(value: Any) -> bool:
    return isinstance(value, str) and "://" not in value


def _content(file: Path, named_in: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise PackageError(f"{named_in} names {file}: {error.strerror}") from None
