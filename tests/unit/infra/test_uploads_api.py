"""Large bodies in the templates: what is deployed when, and that it agrees with the code."""

import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import pytest

from backbone.http.uploads import Upload, location_of
from functions.files.models import CONTENT_SIZE_CODE
from infra.build import ROOT
from infra.deployed import Resource, resources
from infra.inventory import MAIN, Template, of_type, template
from infra.routes import endpoints
from tests.support.api import new_caller

FILE = ROOT / "infra" / "uploads_api.yaml"
DOMAIN = {"DomainName": "backbone.example.org", "CertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/1"}
DISTRIBUTION = {"DistributionCertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1"}
IMAGE = {"LargeUploadsImage": "an-image"}
PUSHES = {"LargePushes": "true"}
UPLOADS_APIS = {
    logical_id: stack["Parameters"]
    for logical_id, stack in of_type(template(MAIN), "AWS::CloudFormation::Stack")
    if stack["TemplateURL"] == "infra/uploads_api.yaml"
}


@lru_cache
def _deployed(*parameters: tuple[str, str]) -> list[Resource]:
    return resources(parameters=dict(parameters))


def deployed(kind: str, parameters: Mapping[str, str]) -> dict[str, Resource]:
    """The resources of a type, by their paths."""
    return {one.path: one for one in _deployed(*sorted(parameters.items())) if one.type == kind}


def test_a_changed_api_is_deployed_under_another_name() -> None:
    """API Gateway goes on with the old picture otherwise; CloudFormation makes a new one for a new logical name"""
    described = {
        name: resource
        for name, resource in template(FILE)["Resources"].items()
        if re.search(r"RestApi|Authorizer$|Method|Resource$|GatewayResponse", resource["Type"])
    }
    text = json.dumps(described, sort_keys=True)

    names = [name for name, _ in of_type(template(FILE), "AWS::ApiGateway::Deployment")]
    mark = hashlib.sha256(text.encode()).hexdigest()[:8]
    assert names == [f"Closed{mark}", f"Open{mark}"]


def test_the_deployment_waits_for_all_there_is() -> None:
    resources_ = template(FILE)["Resources"]
    pictured = {key for key, one in resources_.items() if one["Type"].endswith(("::Method", "::GatewayResponse"))}
    deployments = [one for one in resources_.values() if one["Type"] == "AWS::ApiGateway::Deployment"]

    assert [set(one["DependsOn"]) for one in deployments] == [pictured, pictured]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, {"FilesUploads"}),
        ({**DOMAIN}, {"FilesUploads"}),
        ({**DOMAIN, **PUSHES}, {"FilesUploads", "PushesUploads"}),
        ({"LargeUploads": "off"}, set()),
        ({"LargeUploads": "container", **IMAGE}, set()),
    ],
)
def test_what_is_asked_for_is_deployed(parameters: dict[str, str], expected: set[str]) -> None:
    apis = {path.partition("/")[0] for path in deployed("AWS::ApiGateway::RestApi", parameters)}

    assert apis == expected


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"LargeUploads": "off"},
        {"LargeUploads": "container", **IMAGE, **DISTRIBUTION},
        {"Distribution": "beside", **DISTRIBUTION},
    ],
)
def test_no_choice_takes_the_domain_away(parameters: dict[str, str]) -> None:
    """Clients go on through it until its DNS record points to something else"""
    mappings = deployed("AWS::ApiGatewayV2::ApiMapping", {**DOMAIN, **parameters})
    keys = {path: one.properties.get("ApiMappingKey") for path, one in mappings.items()}

    assert keys.pop("ConsumerApi/DomainMapping", "none") is None
    assert keys == ({"FilesUploads/Mapping": "api/v2/Files"} if "LargeUploads" not in parameters else {})
    assert "ConsumerApi/Domain" in deployed("AWS::ApiGatewayV2::DomainName", {**DOMAIN, **parameters})


def test_only_a_distribution_that_is_the_only_way_does() -> None:
    only = {**DOMAIN, **DISTRIBUTION, "Distribution": "only"}

    assert deployed("AWS::ApiGatewayV2::ApiMapping", only) == {}
    assert deployed("AWS::ApiGatewayV2::DomainName", only) == {}


@pytest.mark.parametrize(
    ("parameters", "closed"),
    [({}, False), ({**DOMAIN}, True), ({**DOMAIN, **DISTRIBUTION, "Distribution": "beside"}, False)],
)
def test_the_names_that_api_gateway_gives_are_closed_unless_something_needs_them(
    parameters: dict[str, str], closed: bool
) -> None:
    apis = deployed("AWS::ApiGateway::RestApi", parameters) | deployed("AWS::ApiGatewayV2::Api", parameters)
    found = {path: one.properties["DisableExecuteApiEndpoint"] for path, one in apis.items() if "Admin" not in path}

    assert found == {"FilesUploads/RestApi": closed, "ConsumerApi/Api": closed}


def test_every_path_that_takes_large_bodies_has_an_api_and_finds_its_answers_elsewhere() -> None:
    table = endpoints()
    taking = {each.path: each.service for each in table if each.method == "POST" and _answers_of(each.path, table)}
    mapped = {f"/{api['Path']}": api["Service"] for api in UPLOADS_APIS.values()}

    assert mapped == taking
    assert not [path for path in mapped for other in mapped if location_of(path).startswith(other)]


def _answers_of(path: str, table: list[Any]) -> bool:
    return any((each.method, each.path) == ("GET", location_of(path)) for each in table)


def test_what_is_too_large_for_api_gateway_gets_the_services_own_error() -> None:
    """files.md §3.1, step 4; http-common.md, section 3.3"""
    codes = {api["Service"]: api.get("TooLargeCode", _default("TooLargeCode")) for api in UPLOADS_APIS.values()}

    assert codes == {"files": CONTENT_SIZE_CODE, "synchronization": "error.platform.requestBodyTooLarge"}


def _default(parameter: str) -> Any:
    return template(FILE)["Parameters"][parameter]["Default"]


def test_what_api_gateway_refuses_itself_is_refused_as_by_the_api() -> None:
    """http-common.md, sections 3.2 and 5.1"""
    found = deployed("AWS::ApiGateway::GatewayResponse", {})
    answers = {one.properties["ResponseType"]: one.properties for one in found.values()}

    refused, too_large, broken = (
        answers[kind] for kind in ("ACCESS_DENIED", "REQUEST_TOO_LARGE", "AUTHORIZER_FAILURE")
    )
    error = json.loads(too_large["ResponseTemplates"]["application/json"])["error"]
    assert (refused["StatusCode"], refused["ResponseTemplates"]["application/json"]) == ("401", "")
    assert refused["ResponseParameters"]["gatewayresponse.header.WWW-Authenticate"].startswith("'Bearer")
    assert (too_large["StatusCode"], error["code"]) == ("400", CONTENT_SIZE_CODE)
    assert list(error) == ["id", "code", "message", "docs", "time", "data"]
    assert broken["StatusCode"] == "503"


@pytest.mark.parametrize("service", ["files", "synchronization"])
def test_the_object_is_where_the_service_looks_for_it_and_each_may_do_its_part(service: str) -> None:
    bucket = "backbone-payloads-123456789012-eu-central-1"
    upload = Upload.new(service, new_caller())
    everything = _deployed(*sorted(PUSHES.items()))
    [store] = [one for one in everything if one.path.endswith("/Store") and f"uploads/{service}/" in _text(one)]
    [role] = [one for one in everything if one.path.endswith("/StoringRole") and f"/{service}/" in _text(one)]
    target = store.properties["Integration"]["Uri"].partition(":s3:path/")[2]

    assert target.format(owner=upload.owner, upload=upload.id) == f"{bucket}/{upload.key}"
    assert _rights_in(role, f"uploads/{service}/*") == {"s3:PutObject", "s3:PutObjectTagging"}
    name = service.capitalize()
    [reader] = [one for one in everything if one.path == f"{name}/{name}FunctionRole"]
    assert _rights_in(reader, f"uploads/{service}/*") == {"s3:GetObject", "s3:DeleteObject"}
    others = [one for one in everything if one.type == "AWS::IAM::Role" and one not in (role, reader)]
    assert [one.path for one in others if f"uploads/{service}" in _text(one)] == []


def _text(resource: Resource) -> str:
    return json.dumps(resource.properties)


def _rights_in(role: Resource, place: str) -> set[str]:
    statements = [one for policy in role.properties["Policies"] for one in policy["PolicyDocument"]["Statement"]]
    found = [one["Action"] for one in statements if str(one["Resource"]).endswith(place)]
    return {action for actions in found for action in ([actions] if isinstance(actions, str) else actions)}


def test_bodies_that_nobody_comes_back_for_go_within_a_day() -> None:
    """And what was deleted is not kept as an older version for long"""
    [bucket] = deployed("AWS::S3::Bucket", {}).values()
    rules: list[Template] = bucket.properties["LifecycleConfiguration"]["Rules"]
    [rule] = [one for one in rules if one.get("Prefix") == "uploads/"]

    assert (rule["ExpirationInDays"], rule["NoncurrentVersionExpiration"]["NoncurrentDays"]) == (1, 1)


def test_each_api_is_watched_under_its_own_name() -> None:
    """Metrics of REST APIs go by name and stage"""
    watched = {**PUSHES, "AlarmTopicArn": "arn:the-topic"}
    apis = {one.properties["Name"] for one in deployed("AWS::ApiGateway::RestApi", watched).values()}
    stages = {one.properties["StageName"] for one in deployed("AWS::ApiGateway::Stage", watched).values()}
    alarms = [
        {each["Name"]: each["Value"] for each in one.properties["Dimensions"]}
        for path, one in deployed("AWS::CloudWatch::Alarm", watched).items()
        if path.endswith("/UploadsServerErrors")
    ]

    assert len(apis) == 2
    assert {one["ApiName"] for one in alarms} == apis
    assert {one["Stage"] for one in alarms} == stages
