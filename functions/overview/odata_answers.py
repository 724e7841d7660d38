"""The form of OData's answers: no envelope, and errors of their own.  Contract: admin-api.md, section 10."""

import json
from collections.abc import Mapping
from typing import Any, Required
from urllib.parse import urlencode

from typing_extensions import TypedDict

from backbone import clock
from backbone.http import Raw, RequestContext
from functions.overview.domain import Field, IdentityOverview, Query, Value
from functions.overview.odata_options import token_of
from functions.overview.search import Found

JSON = "application/json;odata.metadata=minimal;odata.streaming=true;charset=utf-8"
_VERSION = {"OData-Version": "4.0"}
PROPERTIES = tuple(field for field in Field if field is not Field.TIER)


class TierOut(TypedDict):
    """The tier of an identity."""

    id: str
    name: str


class IdentityOut(TypedDict, total=False):
    """One identity: what `$select` names, and its tier with `$expand=Tier`."""

    address: str
    createdAt: str
    lastLoginAt: str | None
    createdWithClient: str | None
    datawalletVersion: int | None
    identityVersion: int
    numberOfDevices: int
    tier: TierOut


IdentitiesOut = TypedDict(
    "IdentitiesOut",
    {
        "@odata.context": Required[str],
        "@odata.count": int,
        "value": Required[list[IdentityOut]],
        "@odata.nextLink": str,
    },
    total=False,
)


class ProblemOut(TypedDict):
    """Why a query was refused."""

    code: str
    message: str
    details: list[Any]
    innererror: dict[str, Any]


class ODataErrorOut(TypedDict):
    """The answer to a query that was refused."""

    error: ProblemOut


def page(query: Query, found: Found, tier_names: Mapping[str, str], sent: Any, context: RequestContext) -> Raw:
    """A page of identities.  `sent` are the options as they came, for the link to the rest."""
    shape = f"{context.base_url}/odata/$metadata#Identities{_shape(query)}"
    body: dict[str, Any] = {"@odata.context": shape}
    if query.counted:
        body["@odata.count"] = found.count
    body["value"] = [_identity(row, query, tier_names) for row in found.rows]
    if found.rest is not None:
        kept = {name: values for name, values in sent.items() if name.lower() not in _REPLACED}
        rest = urlencode({**kept, "$skiptoken": token_of(found.rest)}, doseq=True, safe="$")
        body["@odata.nextLink"] = f"{context.base_url}/odata/Identities?{rest}"
    return _json(200, body)


_REPLACED = ("$skip", "skip", "$skiptoken", "skiptoken")


def number(count: int) -> Raw:
    """The answer to `$count`."""
    return Raw(200, str(count), "text/plain;charset=utf-8", _VERSION)


def service_document(context: RequestContext) -> Raw:
    """What there is."""
    sets = [{"name": "Identities", "kind": "EntitySet", "url": "Identities"}]
    return _json(200, {"@odata.context": f"{context.base_url}/odata/$metadata", "value": sets})


def refusal(message: str) -> Raw:
    """400"""
    return _json(400, {"error": {"code": "", "message": message, "details": [], "innererror": {}}})


def _json(status: int, body: Any) -> Raw:
    return Raw(status, json.dumps(body, separators=(",", ":"), ensure_ascii=False), JSON, _VERSION)


def _identity(row: IdentityOverview, query: Query, tier_names: Mapping[str, str]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        str(field): _rendered(row.value(field))
        for field in PROPERTIES
        if query.selected is None or field in query.selected
    }
    if query.with_tier:
        shown["tier"] = {"id": row.tier_id, "name": tier_names.get(row.tier_id, "")}
    return shown


def _rendered(value: Value) -> str | int | None:
    return value if value is None or isinstance(value, str | int) else clock.render(value)


def _shape(query: Query) -> str:
    names = [] if query.selected is None else [str(field) for field in PROPERTIES if field in query.selected]
    names += ["tier()"] if query.with_tier else []
    return f"({','.join(names)})" if names else ""
