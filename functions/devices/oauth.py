"""The token endpoint's protocol: OAuth 2.0 forms, errors and answers.  Contract: devices.md, sections 2.1 to 2.3.

Nothing here wears the API's envelope.
"""

import base64
import json
from collections import Counter
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_plus

from backbone.http import Raw, RawRequest

FORM = "application/x-www-form-urlencoded"
JSON = "application/json;charset=UTF-8"
MAX_FORM_FIELDS = 100
_NOT_CACHED = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_RFC = "https://www.rfc-editor.org/rfc/rfc6749#section-5.2"
_REJECTED = "https://documentation.openiddict.com/errors/ID2024"


class OAuthError(Exception):
    """A refusal in OAuth's words."""

    def __init__(self, error: str, description: str, *, status: int = 400, uri: str = _RFC) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status
        self.uri = uri

    def to_response(self) -> Raw:
        """The answer; a 401 names the way to authenticate (RFC 6749, section 5.2)."""
        body = {"error": self.error, "error_description": self.description, "error_uri": self.uri}
        headers = dict(_NOT_CACHED)
        if self.status == 401:
            challenge = f'Basic error="{self.error}", error_description="{self.description}", error_uri="{self.uri}"'
            headers["WWW-Authenticate"] = challenge
        return Raw(self.status, json.dumps(body), JSON, headers)


def invalid_client() -> OAuthError:
    """Row 7 of the contract's table."""
    return OAuthError("invalid_client", "The specified client credentials are invalid.", status=401)


def invalid_grant() -> OAuthError:
    """Rows 9 and 11."""
    return OAuthError("invalid_grant", "The username or the password is wrong.", uri=_REJECTED)


def access_denied() -> OAuthError:
    """Rows 10 and 12."""
    return OAuthError("access_denied", "The user is locked. Try again later.", uri=_REJECTED)


def temporarily_unavailable() -> OAuthError:
    """503, because clients take a 500 for wrong credentials (http-common.md, section 13.8)."""
    return OAuthError("temporarily_unavailable", "Try again later.", status=503)


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A well-formed request for a token."""

    client_id: str
    client_secret: str
    username: str
    password: str

    @classmethod
    def of(cls, request: RawRequest) -> "TokenRequest":
        """Rows 1 to 6 of the contract's table, in their order.  Raises `OAuthError`."""
        form = _form(request)
        client_id, client_secret = _client_credentials(request, form)
        grant_type = form.get("grant_type", "")
        if not grant_type:
            raise OAuthError("invalid_request", "The mandatory 'grant_type' parameter is missing.")
        if grant_type != "password":
            raise OAuthError("unsupported_grant_type", "The specified 'grant_type' is not supported.")
        scopes = set(form.get("scope", "").split())
        if "offline_access" in scopes:
            raise OAuthError("invalid_request", "The 'offline_access' scope is not allowed.")
        username, password = form.get("username", ""), form.get("password", "")
        if not username or not password:
            raise OAuthError("invalid_request", "The mandatory 'username' and/or 'password' parameters are missing.")
        if scopes - {"openid"}:
            raise OAuthError("invalid_scope", "The specified 'scope' is not valid.")
        return cls(client_id, client_secret, username, password)


def _form(request: RawRequest) -> dict[str, str]:
    if not request.headers.get("content-type", "").lower().startswith(FORM):
        raise OAuthError("invalid_request", f"The 'Content-Type' header must be '{FORM}'.")
    try:
        text = request.body.decode("utf-8")
        fields = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
    except ValueError:
        raise OAuthError("invalid_request", "The form cannot be read.") from None
    repeated = [name for name, count in Counter(name for name, _ in fields).items() if count > 1]
    if repeated:
        raise OAuthError("invalid_request", "A parameter must not be sent twice.")
    return dict(fields)


def _client_credentials(request: RawRequest, form: dict[str, str]) -> tuple[str, str]:
    scheme, _, credentials = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, colon, client_secret = base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
    except ValueError:
        client_id = colon = client_secret = ""
    if not colon:
        raise OAuthError("invalid_request", "The 'Authorization' header is not valid.")
    client_id, client_secret = unquote_plus(client_id), unquote_plus(client_secret)
    if form.get("client_secret") or form.get("client_id", client_id) != client_id:
        raise OAuthError("invalid_request", "Multiple client credentials cannot be specified.")
    return client_id, client_secret


def token_response(access_token: str, *, expires_in_seconds: int) -> Raw:
    """The answer to a successful log-in."""
    body = {"access_token": access_token, "token_type": "Bearer", "expires_in": expires_in_seconds}
    return Raw(200, json.dumps(body), JSON, _NOT_CACHED)
