"""What goes over the wire.  Contract: admin-api.md, section 2."""

from pydantic import Field

from backbone.http import HeaderModel, RequestModel, ResponseModel


class ApiKeyIn(RequestModel):
    """A key to try."""

    api_key: str | None = None


class ApiKeyValidityOut(ResponseModel):
    """Whether it opens the API."""

    is_valid: bool


class CookieHeader(HeaderModel):
    """The cookies that were sent."""

    cookie: str = Field(default="", alias="Cookie")
