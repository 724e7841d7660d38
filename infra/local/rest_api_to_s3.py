"""A mend for ministack 1.5.33: REST APIs that put a body to S3 without a function in between.

It knows integrations of type `AWS` with functions and queues, not with S3; without this, large uploads would take
another way here than in AWS (functions/uploads/template.yaml).  The object is put over HTTP, with the rights of the
integration's role, so a missing right is missed here, too.

Mapped are what the template uses: path segments and headers from literals, the request's headers and the authorizer's
context, and headers of the answer from literals and that context (API Gateway developer guide, "Parameter mapping
source reference for REST APIs").
"""

import asyncio
import os
import urllib.parse
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from ministack.services import apigateway_v1

_S3 = "s3"
_PATH = "integration.request.path."
_HEADER = "integration.request.header."
_ANSWER = "method.response.header."
_AUTHORIZER = "context.authorizer."
_CLIENT_HEADER = "method.request.header."

Context = Mapping[str, Any]
Answer = tuple[int, dict[str, str], bytes]


def mend() -> None:
    """Teach ministack, in this process."""
    other = apigateway_v1._invoke_lambda_custom_v1

    async def invoke(integration: dict[str, Any], *arguments: Any, **named: Any) -> Any:
        target = apigateway_v1._parse_service_integration_uri(integration.get("uri", ""))
        if target is None or target[1] != _S3:
            return await other(integration, *arguments, **named)
        *_, headers, body, _query, _path = arguments
        return await _put(integration, target[3], headers, body, named.get("authorizer_context") or {})

    apigateway_v1._invoke_lambda_custom_v1 = invoke


async def _put(
    integration: dict[str, Any], target: str, headers: Mapping[str, Any], body: bytes, context: Context
) -> Answer:
    sent: dict[str, str] = {}
    for name, source in (integration.get("requestParameters") or {}).items():
        value = _value(source, headers, context)
        if value is None:
            continue
        if name.startswith(_PATH):
            target = target.replace(f"{{{name.removeprefix(_PATH)}}}", urllib.parse.quote(value, safe=""))
        elif name.startswith(_HEADER):
            sent[name.removeprefix(_HEADER)] = value
    status = await asyncio.to_thread(_put_object, target, body, sent, integration["credentials"])
    return _answer(integration, status, context)


def _put_object(target: str, body: bytes, headers: Mapping[str, str], role: str) -> int:
    bucket, _, key = target.partition("/")
    options = {"ContentType": headers.get("Content-Type"), "Tagging": headers.get("x-amz-tagging")}
    s3 = _client("s3", **_credentials(role))
    try:
        s3.put_object(
            Bucket=bucket, Key=key, Body=body, **{name: value for name, value in options.items() if value is not None}
        )
    except s3.exceptions.ClientError as error:
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    return 200


def _credentials(role: str) -> dict[str, str]:
    session = _client("sts", aws_access_key_id="test", aws_secret_access_key="test").assume_role(
        RoleArn=role, RoleSessionName="api-gateway"
    )["Credentials"]
    return {
        "aws_access_key_id": session["AccessKeyId"],
        "aws_secret_access_key": session["SecretAccessKey"],
        "aws_session_token": session["SessionToken"],
    }


def _client(service: str, **credentials: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}",
        region_name=os.environ["MINISTACK_REGION"],
        config=Config(s3={"addressing_style": "path"}),
        **credentials,
    )


def _answer(integration: dict[str, Any], status: int, context: Context) -> Answer:
    selected = apigateway_v1._select_service_integration_response(integration, status)
    if selected is None:
        return 500, {"Content-Type": "application/json"}, b'{"message": "Internal server error"}'
    mapped = {
        name.removeprefix(_ANSWER): _value(source, {}, context)
        for name, source in (selected.get("responseParameters") or {}).items()
    }
    headers = {name: value for name, value in mapped.items() if value is not None}
    template = (selected.get("responseTemplates") or {}).get("application/json", "")
    return int(selected["statusCode"]), {"Content-Type": "application/json", **headers}, template.encode()


def _value(source: str, headers: Mapping[str, Any], context: Context) -> str | None:
    if source.startswith("'"):
        return source.strip("'")
    if source.startswith(_AUTHORIZER):
        return context.get(source.removeprefix(_AUTHORIZER))
    wanted = source.removeprefix(_CLIENT_HEADER).lower()
    value = next((value for name, value in headers.items() if name.lower() == wanted), None)
    return value if value is None or isinstance(value, str) else str(value[-1])
