"""A template made ready to deploy: local files it names are uploaded, and the names replaced by where they went.

This is what `aws cloudformation package` does, for the three properties this project uses. Keys are content hashes:
what has not changed has the same name, so CloudFormation sees no change either.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

Upload = Callable[[str, bytes], None]
"""Stores bytes under a key of the artifact bucket."""


class Packager:
    """Packages templates into one bucket.

    `build` is the folder of the packages that templates find in `build/`; `url` is where CloudFormation reads the
    bucket's objects.
    """

    def __init__(self, build: Path, bucket: str, url: str, upload: Upload) -> None:
        self._build = build
        self._bucket = bucket
        self._url = url
        self._upload = upload
        self._keys: dict[Path, str] = {}

    def package(self, file: Path) -> str:
        """Upload the template in `file` and everything it refers to; return the URL of the packaged template."""
        template: dict[str, Any] = yaml_parse(file.read_text())
        for resource in template["Resources"].values():
            properties = resource.get("Properties", {})
            match resource["Type"]:
                case "AWS::Serverless::Function":
                    properties["CodeUri"] = self._location(properties["CodeUri"])
                case "AWS::Serverless::LayerVersion":
                    properties["ContentUri"] = self._location(properties["ContentUri"])
                case "AWS::CloudFormation::Stack":
                    properties["TemplateURL"] = self.package(file.parent / properties["TemplateURL"])
        return f"{self._url}/{self._store(json.dumps(template).encode(), '.template')}"

    def _location(self, uri: str) -> dict[str, str]:
        file = self._build / Path(uri).relative_to("build")
        if file not in self._keys:
            self._keys[file] = self._store(file.read_bytes(), file.suffix)
        return {"Bucket": self._bucket, "Key": self._keys[file]}

    def _store(self, content: bytes, suffix: str) -> str:
        key = hashlib.sha256(content).hexdigest()[:32] + suffix
        self._upload(key, content)
        return key
