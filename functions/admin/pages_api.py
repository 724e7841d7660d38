"""What is on the Admin API's address besides the API.  Contract: admin-api.md, section 1."""

from typing import Annotated

from backbone import health
from backbone.http import Raw
from backbone.http.admin import AdminApi
from backbone.http.documentation import Answer
from functions.admin import pages

pages_api = AdminApi("admin")


@pages_api.get("/health", anonymous=True)
def get_health() -> Annotated[
    Raw,
    Answer(200, "`Healthy`", str, media_type="text/plain"),
    Answer(503, "`Unhealthy`", str, media_type="text/plain"),
]:
    """200 `Healthy`, or 503 `Unhealthy` while the database does not answer."""
    headers = {"Cache-Control": "no-store, no-cache"}
    if health.is_healthy():
        return Raw(200, "Healthy", "text/plain", headers)
    return Raw(503, "Unhealthy", "text/plain", headers)


@pages_api.get("/", anonymous=True)
def get_root() -> Annotated[Raw, Answer(301, "To `index.html`.", headers=("Location",))]:
    """To the page for browsers."""
    return Raw(301, headers={"Location": "index.html"})


@pages_api.get("/index.html", anonymous=True)
def get_index() -> Annotated[Raw, Answer(200, "A page that says what this is.", str, media_type="text/html")]:
    """Say what this is."""
    return pages.index()
