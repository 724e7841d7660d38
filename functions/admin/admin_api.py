"""The Admin API's own routes: how operators get in.  Contract: admin-api.md, section 2.

What operators do is served by the services whose data it is about.
"""

import json
from typing import Annotated

from backbone import admin_keys
from backbone.http import Raw, RequestContext
from backbone.http.admin import AdminApi
from backbone.http.documentation import Answer
from functions.admin import xsrf
from functions.admin.models import ApiKeyIn, ApiKeyValidityOut, CookieHeader

admin_api = AdminApi("admin")

_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json; charset=utf-8"


@admin_api.get("/api/v1/xsrf", anonymous=True)
def get_xsrf_token(
    sent: CookieHeader, context: RequestContext
) -> Annotated[
    Raw, Answer(200, "A token for the header `X-XSRF-TOKEN`.", str, media_type="text/plain", headers=("Set-Cookie",))
]:
    """Get a token against cross-site requests; it may be left out (docs/decisions/admin-api.md)."""
    token = xsrf.new_token()
    headers = {"Cache-Control": "no-cache, no-store"}
    if not xsrf.has_cookie(sent.cookie):
        headers["Set-Cookie"] = xsrf.new_cookie()
    if xsrf.wants_json(context.accept):
        return Raw(200, json.dumps(token), _JSON, headers)
    return Raw(200, token, _TEXT, headers)


def _validity(key: ApiKeyIn | None) -> Raw:
    try:
        admin_keys.find(key.api_key if key else None)
    except admin_keys.InvalidApiKey:
        is_valid = False
    else:
        is_valid = True
    return Raw(200, ApiKeyValidityOut(is_valid=is_valid).model_dump_json(by_alias=True), _JSON)


_Validity = Annotated[Raw, Answer(200, "Whether the key opens this API.", ApiKeyValidityOut)]


@admin_api.post("/api/v1/ValidateApiKey", anonymous=True)
def validate_api_key(body: ApiKeyIn | None) -> _Validity:
    """Tell whether a key is valid: the log-in of the Admin UI."""
    return _validity(body)


# The Admin UI and others write it differently, and a redirect would cost them a round trip.
@admin_api.post("/api/v1/validateApiKey", anonymous=True)
def validate_api_key_in_camel_case(body: ApiKeyIn | None) -> _Validity:
    """The same."""
    return _validity(body)


@admin_api.post("/api/v1/validateapikey", anonymous=True)
def validate_api_key_in_lower_case(body: ApiKeyIn | None) -> _Validity:
    """The same."""
    return _validity(body)
