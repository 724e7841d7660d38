"""Tokens against cross-site requests.  Contract: admin-api.md, section 2.2; decision: docs/decisions/admin-api.md.

Clients want a token and a cookie, and send both back.  Nobody checks them: the key travels in a header of its own,
which no other site can make a browser send.
"""

import re
import secrets

COOKIE = "X-XSRF-COOKIE"
_TOKEN_BYTES = 32
# Some clients echo the whole `Set-Cookie` string, attributes and all.
_SENT = re.compile(rf"(?:^|[;,\s]){COOKIE}=[\w-]{{20,}}", re.IGNORECASE)


def new_token() -> str:
    """A token."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def new_cookie() -> str:
    """The value of `Set-Cookie`; a cookie of the browser's session."""
    return f"{COOKIE}={secrets.token_urlsafe(_TOKEN_BYTES)}; path=/; samesite=strict"


def has_cookie(header: str) -> bool:
    """Whether a `Cookie` header brings it already."""
    return _SENT.search(header) is not None


def wants_json(accept: str) -> bool:
    """Whether a client takes JSON and would not take anything."""
    media_types = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return "application/json" in media_types and "*/*" not in media_types
