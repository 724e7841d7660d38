"""An engine under the stores: moto in this process, or AWS's own DynamoDB Local."""

import copy
import json
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import boto3
import jwt
import moto.backend_index
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm
from moto.dynamodb.models import dynamodb_backends
from moto.ssm.models import ssm_backends

from backbone import access_tokens, admin_keys, clock, dynamodb
from backbone.quotas import store as quotas_store
from backbone.settings import settings
from functions.devices import oauth_clients
from tests.support.schema import SERVICES, table_definition

DYNAMODB_LOCAL = (
    Path(__file__).parents[1] / "e2e/official/node_modules/amplify-dynamodb-simulator/emulator/DynamoDBLocal.jar"
)
DOMAIN = "localhost"
REGION = "eu-central-1"
MOTO_ACCOUNT = "123456789012"
BUCKET = "payloads"
TOKEN_KEYS = "/test/token-keys"
ADMIN_KEYS = "/test/admin-keys"
ADMIN_KEY = "test"
PUSH_APP_ID = "org.example.app"
_MOCKED = (
    *("acm", "awslambda", "cloudformation", "cloudwatch", "dynamodb", "dynamodbstreams", "events", "iam", "logs", "s3"),
    *("sns", "sqs", "ssm", "sts"),
)
_endpoint: str | None = None

# moto registers the addresses of all services it knows for every test, and tries them one by one for every call.
moto.backend_index.backend_url_patterns = [
    (service, pattern) for service, pattern in moto.backend_index.backend_url_patterns if service in _MOCKED
]


@contextmanager
def dynamodb_local() -> Iterator[str]:
    """A running DynamoDB Local; yields its endpoint."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["java", f"-Djava.library.path={DYNAMODB_LOCAL.parent}/DynamoDBLocal_lib", "-jar", str(DYNAMODB_LOCAL)]
    process = subprocess.Popen(
        [*command, "-inMemory", "-sharedDb", "-port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=DYNAMODB_LOCAL.parent,
    )
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def new_token_key(key_id: str, made_at: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    """A private and a public JSON Web Key."""
    private = Ed25519PrivateKey.generate()
    members = {"kid": key_id, "iat": made_at}
    private_jwk = {**OKPAlgorithm.to_jwk(private, as_dict=True), **members}
    public_jwk = {**OKPAlgorithm.to_jwk(private.public_key(), as_dict=True), **members}
    return private_jwk, public_jwk


_PRIVATE, _PUBLIC = new_token_key("test-key")


@lru_cache(maxsize=8)
def aws(service: str) -> Any:
    """A client for preparing tests; made once, because making one costs more than a test."""
    return boto3.client(service, region_name=REGION)


def forget_environment() -> None:
    """Let the next use see the new environment."""
    settings.cache_clear()
    access_tokens.forget_keys()
    admin_keys.forget_keys()
    quotas_store.tiers.forget()
    oauth_clients.forget()


def use_endpoint(monkeypatch: pytest.MonkeyPatch, endpoint: str | None) -> None:
    """Point the DynamoDB client at an engine, moto when `endpoint` is None."""
    monkeypatch.delenv("AWS_ENDPOINT_URL_DYNAMODB", raising=False)
    if endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
    global _endpoint
    if endpoint != _endpoint:
        dynamodb.client.cache_clear()
        _endpoint = endpoint


def environment(run: str) -> dict[str, str]:
    """The variables of a function, with table names that belong to one test or run."""
    fixed = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "BACKBONE_DID_DOMAIN": DOMAIN,
        "BACKBONE_PAYLOAD_BUCKET": BUCKET,
        "BACKBONE_TOKEN_KEYS": TOKEN_KEYS,
        "BACKBONE_ADMIN_KEYS": ADMIN_KEYS,
        "BACKBONE_EVENT_BUS": "backbone",
        "BACKBONE_PUSH_APP_IDS": json.dumps({"fcm": [PUSH_APP_ID], "apns": [PUSH_APP_ID]}),
        "BACKBONE_PUSH_APPLICATION_ARN": f"arn:aws:sns:{REGION}:{MOTO_ACCOUNT}:app/{{platform}}/test_{{app_id}}",
        "BACKBONE_PASSWORD_POLICY": "relaxed",
        "BACKBONE_MAX_MESSAGE_RECIPIENTS": "5",
    }
    return {**fixed, **{f"BACKBONE_{service.upper()}_TABLE": f"{service}-{run}" for service in SERVICES}}


def create_tables(run: str, *, with_streams: bool = False) -> None:
    """The tables that `environment` names.  Streams cost time and are of use to the event pump only."""
    for service in SERVICES:
        definition = table_definition(service, f"{service}-{run}", with_stream=with_streams)
        dynamodb.client().create_table(**definition)


def create_moto_tables(run: str) -> None:
    """The same tables, put into moto behind its HTTP: going through it costs more than most tests."""
    backend = dynamodb_backends[MOTO_ACCOUNT][REGION]
    for service in SERVICES:
        definition = table_definition(service, f"{service}-{run}")
        backend.create_table(
            definition["TableName"],
            schema=definition["KeySchema"],
            throughput=None,
            attr=definition["AttributeDefinitions"],
            global_indexes=copy.deepcopy(definition.get("GlobalSecondaryIndexes", [])),
            indexes=copy.deepcopy(definition.get("LocalSecondaryIndexes", [])),
            streams=None,
            billing_mode="PAY_PER_REQUEST",
            sse_specification=None,
            tags=[],
            deletion_protection_enabled=False,
            warm_throughput=None,
        )


def prepare_environment(monkeypatch: pytest.MonkeyPatch, endpoint: str | None) -> None:
    """Fresh tables, bucket and token keys for one test; needs `mock_aws` around it."""
    run = uuid.uuid4().hex[:8]
    for name, value in environment(run).items():
        monkeypatch.setenv(name, value)
    use_endpoint(monkeypatch, endpoint)
    forget_environment()
    if endpoint:
        create_tables(run)
    else:
        create_moto_tables(run)
    aws("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    put_token_keys([_PRIVATE], [_PUBLIC])
    put_admin_keys(ADMIN_KEY)


def put_token_keys(private: list[dict[str, Any]], public: list[dict[str, Any]]) -> None:
    """Set the key sets, newest first."""
    for kind, keys, store_as in (("private", private, "SecureString"), ("public", public, "String")):
        _put_parameter(f"{TOKEN_KEYS}/{kind}", json.dumps({"keys": keys}), store_as)
    access_tokens.forget_keys()


def put_admin_keys(*keys: str) -> None:
    """Set the keys that open the Admin API."""
    sealed = [admin_keys.seal(key, name=f"key {number}", now=clock.now()) for number, key in enumerate(keys)]
    _put_parameter(ADMIN_KEYS, admin_keys.dump(sealed), "String")
    admin_keys.forget_keys()


def _put_parameter(name: str, value: str, store_as: str) -> None:
    """Behind moto's HTTP, like the tables."""
    ssm_backends[MOTO_ACCOUNT][REGION].put_parameter(
        name,
        description="",
        value=value,
        parameter_type=store_as,
        allowed_pattern="",
        keyid="alias/aws/ssm" if store_as == "SecureString" else "",
        overwrite=True,
        tags=[],
        data_type="text",
        tier=None,
        policies=None,
    )


def forged_token(claims: dict[str, object], *, algorithm: str, key: object, key_id: str = "test-key") -> str:
    """A token made by a stranger."""
    return jwt.encode(claims, key, algorithm=algorithm, headers={"typ": "at+jwt", "kid": key_id})  # type: ignore[arg-type]  # any key a stranger likes
