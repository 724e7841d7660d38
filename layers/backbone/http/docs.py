"""The documentation of an API for developers: Swagger UI under `/docs`.  Contract: misc.md, §6; admin-api.md, §1.

Off unless the parameter `SwaggerUi` is on; then nothing of it exists.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import ParamSpec

from backbone.http.admin import AdminApi
from backbone.http.api import Api
from backbone.http.results import Raw
from backbone.http.static import CSS, HTML, JAVASCRIPT, JSON, KnownFile, file, swagger_ui_folder
from backbone.settings import settings

Arguments = ParamSpec("Arguments")

STYLE = "swagger-ui.css"
SCRIPT = "swagger-ui-bundle.js"
SWAGGER_UI_FILES = (STYLE, SCRIPT)
"""What the build puts beside the document; from a checkout they come from the installed package."""

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{title}</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script>
SwaggerUIBundle({{ url: "{url}", dom_id: "#swagger-ui", deepLinking: true, displayRequestDuration: true }});
</script>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Documentation:
    """An API's documentation; `folder` has its `openapi.json`, generated from the code by `python -m infra.openapi`."""

    title: str
    url: str
    folder: Path

    def serve_on(self, api: Api) -> None:
        """Add the routes to an API; they ask for no key."""
        get = (lambda path: api.get(path, anonymous=True)) if isinstance(api, AdminApi) else api.get

        @get("/docs")
        @_if_enabled
        def show_docs() -> Raw:
            """To the page itself."""
            return Raw(302, headers={"Location": "/docs/index.html"})

        @get("/docs/index.html")
        @_if_enabled
        def show_swagger_ui() -> Raw:
            """Try the API in a browser."""
            return Raw(200, _PAGE.format(title=self.title, url=self.url), HTML, {"Cache-Control": "no-cache"})

        @get(self.url)
        @_if_enabled
        def get_openapi_document(known: KnownFile) -> Raw:
            """The OpenAPI document."""
            return file(self.folder / "openapi.json", JSON).answer(known)

        @get(f"/docs/{STYLE}")
        @_if_enabled
        def get_swagger_ui_style(known: KnownFile) -> Raw:
            """Swagger UI's style."""
            return file(self._of_swagger_ui(STYLE), CSS).answer(known)

        @get(f"/docs/{SCRIPT}")
        @_if_enabled
        def get_swagger_ui_script(known: KnownFile) -> Raw:
            """Swagger UI itself."""
            return file(self._of_swagger_ui(SCRIPT), JAVASCRIPT).answer(known)

    def _of_swagger_ui(self, name: str) -> Path:
        packaged = self.folder / name
        return packaged if packaged.exists() else swagger_ui_folder() / name


def _if_enabled(view: Callable[Arguments, Raw]) -> Callable[Arguments, Raw]:
    """404 unless the documentation is switched on, or where its files were not packaged."""

    @wraps(view)
    def view_or_404(*arguments: Arguments.args, **named: Arguments.kwargs) -> Raw:
        if not settings().swagger_ui:
            return Raw(404)
        try:
            return view(*arguments, **named)
        except FileNotFoundError:
            return Raw(404)

    return view_or_404
