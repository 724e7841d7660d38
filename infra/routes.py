"""The route tables of the two HTTP APIs, generated from the code.

    python -m infra.routes             writes infra/routes.yaml and functions/gateway/routes.json (Consumer API),
                                       infra/admin_routes.yaml and functions/admin/routes.json (Admin API)
    python -m infra.routes --check     fails when one of them is stale

A service declares its endpoints on an `Api` or an `AdminApi`, which also names the function that serves them. Here each
becomes a route of its own, so that API Gateway, its metrics and its throttling know endpoints by name. The JSON files
tell the functions behind `$default` which paths there are, so that they can tell 404 from 405.
"""

import argparse
import importlib
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from backbone.http.api import Api, Endpoint
from infra.build import ROOT
from infra.inventory import inventory


@dataclass(frozen=True, slots=True)
class HttpApi:
    """One of the two.  `fallback_function` answers what is no route: 404, 405 and preflight requests."""

    name: str
    admin: bool
    stack: Path
    table: Path
    fallback_function: str


CONSUMER = HttpApi(
    "Consumer API", False, ROOT / "infra" / "routes.yaml", ROOT / "functions" / "gateway" / "routes.json", "Gateway"
)
ADMIN = HttpApi(
    "Admin API", True, ROOT / "infra" / "admin_routes.yaml", ROOT / "functions" / "admin" / "routes.json", "Admin"
)
_HEADER = "# Generated from functions/*/*api.py by `python -m infra.routes`; do not edit.\n"

Resources = dict[str, dict[str, Any]]


def endpoints(http_api: HttpApi = CONSUMER) -> list[Endpoint]:
    """The endpoints of all services, by path and method."""
    # Settings are read when a service is imported; nothing is called here.
    os.environ.setdefault("BACKBONE_DID_DOMAIN", "localhost")
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
    apis: dict[int, Api] = {}
    for file in sorted((ROOT / "functions").glob("*/*api.py")):
        module = importlib.import_module(f"functions.{file.parent.name}.{file.stem}")
        apis.update((id(value), value) for value in vars(module).values() if isinstance(value, Api))
    found = [endpoint for api in apis.values() if api.admin is http_api.admin for endpoint in api.endpoints]
    return sorted(found, key=lambda endpoint: (endpoint.path, endpoint.method))


def template(table: list[Endpoint], http_api: HttpApi = CONSUMER) -> dict[str, Any]:
    """The nested stack: an integration and a permission per function, a route per endpoint, and `$default`."""
    functions = sorted({endpoint.function for endpoint in table} | {http_api.fallback_function})
    resources: Resources = {}
    for function in functions:
        resources |= _integration(function)
    for endpoint in table:
        logical_id = _logical_id(endpoint)
        if f"{logical_id}Route" in resources:  # a path that clients write in two ways; the table has capitals first
            logical_id += "InLowerCase"
        resources |= _route(logical_id, f"{endpoint.method} {endpoint.path}", endpoint.function)
    resources |= _route("Fallback", "$default", http_api.fallback_function)
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"The routes of the {http_api.name}: one per endpoint, one integration per function.",
        "Parameters": {"StackName": {"Type": "String"}, "ApiId": {"Type": "String"}},
        "Resources": resources,
    }


def _integration(function: str) -> Resources:
    name = next(one.name for one in inventory().functions if one.id == function)
    arn = {
        "Fn::Sub": f"arn:${{AWS::Partition}}:lambda:${{AWS::Region}}:${{AWS::AccountId}}:function:${{StackName}}-{name}"
    }
    integration = {
        "ApiId": {"Ref": "ApiId"},
        "IntegrationType": "AWS_PROXY",
        "IntegrationUri": arn,
        "PayloadFormatVersion": "2.0",
    }
    permission = {
        "FunctionName": arn,
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
        "SourceArn": {"Fn::Sub": "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${ApiId}/*"},
    }
    return {
        f"{function}Integration": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": integration},
        f"{function}Permission": {"Type": "AWS::Lambda::Permission", "Properties": permission},
    }


def _route(logical_id: str, key: str, function: str) -> Resources:
    target = {"Fn::Sub": f"integrations/${{{function}Integration}}"}
    properties = {"ApiId": {"Ref": "ApiId"}, "RouteKey": key, "Target": target}
    return {f"{logical_id}Route": {"Type": "AWS::ApiGatewayV2::Route", "Properties": properties}}


def _logical_id(endpoint: Endpoint) -> str:
    words = re.findall(r"[A-Za-z0-9]+", f"{endpoint.method.capitalize()} {endpoint.path}")
    return "".join(word[0].upper() + word[1:] for word in words)


class _Plain(yaml.SafeDumper):
    """Writes repeated values out: CloudFormation does not read YAML aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def methods_by_path(table: list[Endpoint]) -> dict[str, list[str]]:
    """The methods that each path takes."""
    paths: dict[str, list[str]] = {}
    for endpoint in table:
        paths.setdefault(endpoint.path, []).append(endpoint.method)
    return paths


def rendered() -> dict[Path, str]:
    """The generated files as the code would have them."""
    files: dict[Path, str] = {}
    for http_api in (CONSUMER, ADMIN):
        table = endpoints(http_api)
        stack = yaml.dump(template(table, http_api), Dumper=_Plain, sort_keys=False, width=120)
        files |= {http_api.stack: _HEADER + stack, http_api.table: json.dumps(methods_by_path(table), indent=2) + "\n"}
    return files


def main() -> None:
    """Write the generated files, or compare them."""
    parser = argparse.ArgumentParser(prog="python -m infra.routes", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a file is stale")
    only_check = parser.parse_args().check
    stale = {file: text for file, text in rendered().items() if not file.exists() or file.read_text() != text}
    if only_check and stale:
        names = " and ".join(str(file.relative_to(ROOT)) for file in stale)
        sys.exit(f"stale: {names}; run `python -m infra.routes`")
    for file, text in stale.items():
        file.write_text(text)


if __name__ == "__main__":
    main()
