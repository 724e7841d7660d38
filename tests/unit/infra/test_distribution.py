"""CloudFront in front of the API, and what one address may send.  docs/decisions/protection.md."""

import json
import re
import shutil
import subprocess
from functools import lru_cache
from typing import Any

import pytest

from infra.build import ROOT
from infra.deployed import Resource, resources
from infra.inventory import of_type, template
from tests.support.api import InProcessApi, new_caller
from tests.unit.files.uploads import FILES, encoded, form

FRONT = {"Distribution": "beside", "DomainName": "backbone.example.org", "DistributionCertificateArn": "a-certificate"}
ACL = ROOT / "infra" / "web_acl.yaml"
API = ROOT / "infra" / "consumer_api.yaml"
NODE = shutil.which("node") or ""


@lru_cache
def front(**parameters: str) -> dict[str, Resource]:
    """The resources of the distribution, by logical name."""
    found = resources(parameters={**FRONT, **parameters})
    return {one.path.partition("/")[2]: one for one in found if one.path.startswith("Front/")}


def configuration(**parameters: str) -> dict[str, Any]:
    """That of the distribution."""
    found: dict[str, Any] = front(**parameters)["Distribution"].properties["DistributionConfig"]
    return found


def by_path(**parameters: str) -> dict[str, str]:
    """Where paths lead."""
    config = configuration(**parameters)
    behaviors = [one for one in config["CacheBehaviors"] if one]
    return {one["PathPattern"]: one["TargetOriginId"] for one in behaviors}


def test_there_is_none_unless_it_is_asked_for() -> None:
    assert [one for one in resources() if one.type.startswith("AWS::CloudFront")] == []


@pytest.mark.parametrize(
    ("parameters", "paths"),
    [
        ({}, {"/api/v2/Files": "files"}),
        ({"LargeUploads": "off"}, {}),
        ({"LargeUploads": "container", "LargeUploadsImage": "i"}, {"/api/v2/Files": "container"}),
        (
            {"LargePushes": "true", "LargeUploads": "off"},
            {"/api/v2/Datawallet/Modifications": "pushes"},
        ),
    ],
)
def test_paths_that_take_large_bodies_lead_to_who_takes_them(parameters: dict[str, str], paths: dict[str, str]) -> None:
    assert by_path(**parameters) == paths


def test_nothing_is_kept_changed_or_left_out_on_the_way() -> None:
    """Tokens, bodies, queries and all methods pass; event streams may wait 25 seconds"""
    config = configuration(LargePushes="true")
    behaviors = [config["DefaultCacheBehavior"], *(one for one in config["CacheBehaviors"] if one)]
    same = ("AllowedMethods", "CachePolicyId", "OriginRequestPolicyId", "Compress", "ViewerProtocolPolicy")

    assert len(behaviors) == 3
    assert len({json.dumps([one[name] for name in same]) for one in behaviors}) == 1
    assert behaviors[0]["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert {one["CustomOriginConfig"]["OriginReadTimeout"] for one in config["Origins"] if one} == {60}


def test_it_has_the_web_acl_that_is_named() -> None:
    assert configuration(WebAclArn="arn:the-acl")["WebACLId"] == "arn:the-acl"
    assert configuration().get("WebACLId") is None


def run(function: str, uri: str) -> Any:
    """What a function of the distribution makes of a request."""
    code = front(LargePushes="true")[function].properties["FunctionCode"]
    request = {"request": {"uri": uri, "headers": {"host": {"value": "backbone.example.org"}}}}
    script = f"{code}\nconsole.log(JSON.stringify(handler({json.dumps(request)})))"
    outcome = subprocess.run([NODE, "-e", script], capture_output=True, text=True, check=True)
    return json.loads(outcome.stdout)


@pytest.mark.skipif(not NODE, reason="Node.js is missing")
@pytest.mark.parametrize(
    ("function", "uri", "expected"),
    [
        ("ClientsHost", "/api/v2/Files", "/api/v2/Files"),
        ("MappedPath", "/api/v2/Files", "/"),
        ("ClientsHost", "/api/v2/Files/FIL1/Metadata", "/api/v2/Files/FIL1/Metadata"),
        ("MappedPath", "/api/v2/Datawallet/Modifications", "/"),
    ],
)
def test_origins_hear_of_the_clients_host_and_rest_apis_of_what_follows_their_path(
    function: str, uri: str, expected: str
) -> None:
    request = run(function, uri)

    assert request["uri"] == expected
    assert request["headers"]["x-backbone-host"] == {"value": "backbone.example.org"}


def test_locations_name_the_host_that_clients_use(api: InProcessApi) -> None:
    """Not that of the origin, which is nobody's business"""
    body, content_type = encoded(form())
    headers = {"content-type": content_type, "host": "abc.execute-api", "x-backbone-host": "backbone.example.org"}

    created = api.post(FILES, body=body, headers=headers, caller=new_caller())

    assert created.headers["location"] == f"https://backbone.example.org{FILES}/{created.result['id']}"


def rules() -> dict[str, Any]:
    """The statements of the web ACL's rules, by name."""
    [(_, acl)] = of_type(template(ACL), "AWS::WAFv2::WebACL")
    return {rule["Name"]: rule["Statement"]["RateBasedStatement"] for rule in acl["Rules"]}


def test_the_narrower_limit_is_for_the_routes_that_need_no_token() -> None:
    pattern = re.compile(rules()["anonymous"]["ScopeDownStatement"]["RegexMatchStatement"]["RegexString"])
    [(_, stage)] = of_type(template(API), "AWS::ApiGatewayV2::Stage")
    narrow = {
        route.partition(" ")[2].lower()
        for route, limits in stage["RouteSettings"].items()
        if not limits["ThrottlingRateLimit"]["Ref"].startswith("Sse")
    }

    assert narrow
    assert [path for path in narrow if not pattern.fullmatch(path)] == []
    assert not pattern.fullmatch("/api/v2/syncruns")


def test_no_address_can_use_up_what_all_share() -> None:
    """A rule counts five minutes, the stage one second"""
    acl, main = template(ACL)["Parameters"], template(ROOT / "template.yaml")["Parameters"]
    per_second = {name: acl[name]["Default"] / 300 for name in ("RequestsPerAddress", "AnonymousRequestsPerAddress")}

    assert per_second["AnonymousRequestsPerAddress"] * 10 <= main["AnonymousThrottleRate"]["Default"]
    assert per_second["RequestsPerAddress"] * 10 <= main["ThrottleRate"]["Default"]
