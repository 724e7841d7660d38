"""What the tests of this folder begin with: a large request, half of which API Gateway does itself."""

from collections.abc import Mapping
from typing import Any

from moto.s3.models import s3_backends

from backbone import payloads
from backbone.caller import Caller
from functions.uploads.handler import authorize
from tests.support.api import Answer, InProcessApi, token_of
from tests.support.engine import BUCKET, MOTO_ACCOUNT
from tests.unit.files.uploads import encoded, form

FILES = {"service": "files", "mount": "/api/v2/Files"}
MODIFICATIONS = {"service": "synchronization", "mount": "/api/v2/Datawallet/Modifications"}


def asked(caller: Caller | None, variables: Mapping[str, str] = FILES, **headers: str) -> dict[str, Any]:
    """What the authorizer answers to API Gateway."""
    if caller is not None:
        headers["Authorization"] = f"Bearer {token_of(caller)}"
    return authorize({"methodArn": "arn:the-method", "headers": headers, "stageVariables": dict(variables)}, None)


def stored(body: bytes, content_type: str, caller: Caller, variables: Mapping[str, str] = FILES) -> str:
    """Have a body stored; returns the location that the client is sent to."""
    context = asked(caller, variables)["context"]
    key = f"uploads/{variables['service']}/{context['owner']}/{context['upload']}"
    payloads.client().put_object(Bucket=BUCKET, Key=key, Body=body, Tagging=payloads.PENDING)
    # Behind the HTTP of moto, which would take a request of this type for a form.
    kept = s3_backends[MOTO_ACCOUNT]["aws"].get_object(BUCKET, key)
    assert kept is not None
    kept.set_metadata({"Content-Type": content_type}, replace=True)
    return str(context["location"])


def stored_form(caller: Caller, content: bytes = b"x", /, **fields: Any) -> str:
    """Have the form of a file stored."""
    body, content_type = encoded(form(content, **fields))
    return stored(body, content_type, caller)


def follow(api: InProcessApi, location: str, caller: Caller | None) -> Answer:
    """What the client does next."""
    return api.get(location, caller=caller)


def bodies() -> list[str]:
    """The keys of stored bodies."""
    found = payloads.client().list_objects_v2(Bucket=BUCKET, Prefix="uploads/").get("Contents", [])
    return [entry["Key"] for entry in found]
