"""Who may have a body stored, and under which name.  Decision: docs/decisions/large-uploads.md.

API Gateway asks before it puts a body to S3, and takes the object's name and the location of the answer from the
context that is returned.  A refusal becomes a 401 without body (`template.yaml`), as everywhere else (http-common.md,
section 5.1).  Nothing is raised for a wrong token: that would count as a failure of the function.
"""

from typing import Any

from backbone import access_tokens
from backbone.caller import Caller
from backbone.http import responses
from backbone.http.uploads import Upload, location_of
from backbone.observability import logger

_EVERYBODY = "anonymous"


def decide(event: dict[str, Any]) -> dict[str, Any]:
    """The answer to an authorizer's event (of type REQUEST)."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    try:
        caller = access_tokens.caller_of(headers.get("authorization"))
    except access_tokens.Unauthorized:
        logger.info("upload refused", event_id=724323)
        return _answer("Deny", event, _EVERYBODY, {})
    context = _context(event["stageVariables"], caller, headers.get("origin"))
    return _answer("Allow", event, context["owner"], context)


def _context(variables: dict[str, str], caller: Caller, origin: str | None) -> dict[str, str]:
    upload = Upload.new(variables["service"], caller)
    location = location_of(variables["mount"]).format(upload=upload.id)
    allowed = responses.cors_headers(origin).get("Access-Control-Allow-Origin", "")
    return {"owner": upload.owner, "upload": upload.id, "location": location, "origin": allowed}


def _answer(effect: str, event: dict[str, Any], principal: str, context: dict[str, str]) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": principal, "policyDocument": policy, "context": context}
