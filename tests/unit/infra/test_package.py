"""Templates made ready to deploy: paths become uploads, and SAM becomes plain CloudFormation."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ministack.core.responses import request_scope
from ministack.services.cloudformation.engine import _apply_transforms
from samtranslator.yaml_helper import yaml_parse

from infra import package, sam
from infra.build import ROOT
from infra.package import PackageError, Packager
from infra.sam import Expander, ExpansionError, expanded

REGION = "eu-central-1"
URL = "https://bucket.example"

SERVICE = """
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: python3.13, CodeUri: ../../build/functions/greetings.zip}
Resources:
  Greet: {Type: AWS::Serverless::Function, Properties: {Handler: a.b}}
  Part: {Type: AWS::Serverless::Application, Properties: {Location: part.yaml, Parameters: {Name: !Ref AWS::StackName}}}
"""
ROOT_TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Layer: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: build/layers/shared.zip}}
  Own:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.13, Handler: a.b, CodeUri: build/functions/own.zip}
  Greetings: {Type: AWS::Serverless::Application, Properties: {Location: functions/greetings/template.yaml}}
  Storage: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: infra/storage.yaml}}
  Elsewhere: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: "https://elsewhere.example/other.yaml"}}
"""
PLAIN = """
Resources:
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub "${AWS::StackName}-q"}}
"""


class Project:
    """A project folder with templates, packages in another folder than `build/`, and what was uploaded."""

    def __init__(self, root: Path, packages: Path) -> None:
        self.root = root
        self.packages = packages
        self.uploads: dict[str, bytes] = {}
        files = {
            root / "template.yaml": ROOT_TEMPLATE,
            root / "functions/greetings/template.yaml": SERVICE,
            root / "functions/greetings/part.yaml": PLAIN,
            root / "infra/storage.yaml": PLAIN,
            packages / "functions/greetings.zip": "greetings",
            packages / "functions/own.zip": "own",
            packages / "layers/shared.zip": "shared",
        }
        for file, content in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)

    def package(self, expand: package.Expand | None = None) -> dict[str, Any]:
        """The root template as uploaded."""
        self.uploads.clear()
        packager = Packager(self.packages, "bucket", URL, self.upload, expand=expand)
        template = self.uploaded(packager.package(self.root / "template.yaml"))
        assert packager.keys == set(self.uploads)
        return template

    def upload(self, name: str, content: bytes) -> str:
        self.uploads[f"stack/{name}"] = content
        return f"stack/{name}"

    def uploaded(self, url: str) -> dict[str, Any]:
        template: dict[str, Any] = json.loads(self.uploads[url.removeprefix(f"{URL}/")])
        return template

    def content(self, location: dict[str, str]) -> str:
        return self.uploads[location.get("Key") or location["S3Key"]].decode()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    root = tmp_path / "project"
    monkeypatch.setattr(package, "BUILD", root / "build")
    return Project(root, tmp_path / "packages")


def test_paths_are_relative_to_the_template_that_names_them(project: Project) -> None:
    resources = project.package()["Resources"]

    service = project.uploaded(resources["Greetings"]["Properties"]["Location"])
    assert project.content(resources["Layer"]["Properties"]["ContentUri"]) == "shared"
    assert project.content(resources["Own"]["Properties"]["CodeUri"]) == "own"
    assert project.content(service["Globals"]["Function"]["CodeUri"]) == "greetings"
    assert "Queue" in project.uploaded(service["Resources"]["Part"]["Properties"]["Location"])["Resources"]
    assert "Queue" in project.uploaded(resources["Storage"]["Properties"]["TemplateURL"])["Resources"]
    assert resources["Elsewhere"]["Properties"]["TemplateURL"] == "https://elsewhere.example/other.yaml"


def test_expanded_templates_hold_no_sam_however_deep(project: Project, tmp_path: Path) -> None:
    root = project.package(Expander(REGION, tmp_path / "cache"))

    nested = root["Resources"]["Greetings"]
    service = project.uploaded(nested["Properties"]["TemplateURL"])
    assert nested["Type"] == service["Resources"]["Part"]["Type"] == "AWS::CloudFormation::Stack"
    assert project.content(service["Resources"]["Greet"]["Properties"]["Code"]) == "greetings"
    assert service["Resources"]["Part"]["Properties"]["Parameters"] == {"Name": {"Ref": "AWS::StackName"}}
    templates = [content for key, content in project.uploads.items() if key.endswith(".template")]
    assert len(templates) == 3  # the two plain ones are the same
    assert not any(b"AWS::Serverless" in content for content in templates)


def test_a_file_that_is_not_there_is_named_with_the_template_that_names_it(project: Project) -> None:
    for missing in (project.packages / "functions/greetings.zip", project.root / "infra/storage.yaml"):
        content = missing.read_text()
        missing.unlink()
        with pytest.raises(PackageError, match=rf"template.yaml names .*{missing.name}: No such file"):
            project.package()
        missing.write_text(content)


def test_this_projects_templates_expand_exactly_as_the_emulator_expands_them(tmp_path: Path) -> None:
    templates = [ROOT / "template.yaml", *sorted((ROOT / "functions").glob("*/template.yaml"))]
    for file in templates:
        template = yaml_parse(file.read_text())
        for kind, properties in package.properties_of(template):
            for name in (package.FILES.get(kind), package._TEMPLATES.get(kind)):
                if name in properties:
                    is_code = name in package.FILES.values()
                    properties[name] = {"Bucket": "b", "Key": properties[name]} if is_code else f"{URL}/template"
        with request_scope("000000000000", REGION):
            by_the_emulator = _apply_transforms(template)

        assert expanded(template, REGION) == by_the_emulator


def test_what_has_not_changed_is_not_expanded_again(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expansions: list[str] = []

    def counted(template: sam.Template, region: str) -> sam.Template:
        expansions.append(region)
        return expanded(template, region)

    monkeypatch.setattr(sam, "expanded", counted)

    def package_with_cache(region: str = REGION) -> tuple[dict[str, Any], int]:
        expansions.clear()
        root = project.package(Expander(region, tmp_path / "cache"))
        return root, len(expansions)

    first, count = package_with_cache()
    assert count == 2
    assert package_with_cache() == (first, 0)
    (project.packages / "functions/own.zip").write_text("changed")
    assert package_with_cache()[1] == 1
    assert package_with_cache("us-east-1")[1] == 2
    for file in (tmp_path / "cache").iterdir():
        file.write_text("{ torn")
    assert package_with_cache("us-east-1")[1] == 2


def test_only_the_latest_expansions_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sam, "_REMEMBERED", 2)
    expander = Expander(REGION, tmp_path)

    for number in range(4):
        expander(
            {"Transform": sam.TRANSFORM, "Description": f"{number}", "Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}
        )
        for age, file in enumerate(sorted(tmp_path.iterdir(), key=lambda file: file.stat().st_mtime, reverse=True)):
            os.utime(file, (1_000_000 - age, 1_000_000 - age))

    assert sorted(json.loads(file.read_text())["Description"] for file in tmp_path.iterdir()) == ["2", "3"]


def test_a_mistake_in_a_sam_template_names_the_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    template = {
        "Transform": sam.TRANSFORM,
        "Resources": {"Greet": {"Type": "AWS::Serverless::Function", "Properties": {"Handler": "a.b"}}},
    }

    with pytest.raises(ExpansionError, match=r"\[Greet\]"):
        expanded(template, REGION)

    assert "AWS_DEFAULT_REGION" not in os.environ
