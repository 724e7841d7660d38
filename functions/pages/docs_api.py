"""The documentation of the API for developers: Swagger UI.  Contract: misc.md, section 6.

Off unless the parameter `SwaggerUi` is on; then nothing of it exists.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from backbone.http import Api, Raw
from backbone.settings import settings
from functions.pages import static
from functions.pages.models import KnownFile

Arguments = ParamSpec("Arguments")

docs_api = Api("pages")


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


@docs_api.get("/docs")
@_if_enabled
def show_docs() -> Raw:
    """To the page itself."""
    return Raw(302, headers={"Location": "/docs/index.html"})


@docs_api.get("/docs/index.html")
@_if_enabled
def show_swagger_ui(known: KnownFile) -> Raw:
    """Try the API in a browser."""
    return static.file("swagger.html", static.HTML).answer(known.if_none_match)


@docs_api.get("/docs/v2/openapi.json")
@_if_enabled
def get_openapi_document(known: KnownFile) -> Raw:
    """The OpenAPI document, generated from the code by `python -m infra.openapi`."""
    return static.file("openapi.json", static.JSON).answer(known.if_none_match)


@docs_api.get("/docs/swagger-ui.css")
@_if_enabled
def get_swagger_ui_style(known: KnownFile) -> Raw:
    """Swagger UI's style."""
    return static.swagger_ui_file("swagger-ui.css", static.CSS).answer(known.if_none_match)


@docs_api.get("/docs/swagger-ui-bundle.js")
@_if_enabled
def get_swagger_ui_script(known: KnownFile) -> Raw:
    """Swagger UI itself."""
    return static.swagger_ui_file("swagger-ui-bundle.js", static.JAVASCRIPT).answer(known.if_none_match)
