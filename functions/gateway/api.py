"""The small endpoints that belong to no service.  Contract: http-common.md, section 1."""

from typing import Annotated

from backbone import health
from backbone.http import Api, Raw, ResponseModel
from backbone.http.documentation import Answer

MAJOR_VERSION = "7"
"""Clients accept 6 to 7; the value is a string on the wire."""

api = Api("gateway")


class VersionOut(ResponseModel):
    """The generation of the API."""

    major_version: str


@api.get("/api/v2/Version")
def get_version() -> VersionOut:
    """Tell clients whether they are compatible."""
    return VersionOut(major_version=MAJOR_VERSION)


@api.get("/health")
def get_health() -> Annotated[
    Raw,
    Answer(200, "`Healthy`", str, media_type="text/plain"),
    Answer(503, "`Unhealthy`", str, media_type="text/plain"),
]:
    """200 `Healthy`, or 503 `Unhealthy` while the database does not answer.  The Connector polls this."""
    headers = {"Cache-Control": "no-store, no-cache"}
    if health.is_healthy():
        return Raw(200, "Healthy", "text/plain", headers)
    return Raw(503, "Unhealthy", "text/plain", headers)
