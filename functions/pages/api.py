"""Pages and documents for browsers and operating systems.  Contract: misc.md, sections 3, 4 and 6."""

from pathlib import Path
from typing import Annotated

from pydantic import TypeAdapter

from backbone.http import Api, Raw
from backbone.http.documentation import Answer
from backbone.http.static import CSS, KnownFile, file
from functions.pages import onboarding
from functions.pages.configuration import pages_configuration
from functions.pages.models import AppleAppSiteAssociation, AppQuery, AssetLink, Visitor

JSON = "application/json"
_STYLE = Path(__file__).with_name("files") / "style.css"
_NOT_CONFIGURED = Answer(404, "Not configured.")

api = Api("pages")
pages_configuration()  # a mistake stops the function before it serves anything


@api.get("/r/{referenceId}")
def show_onboarding_page(
    query: AppQuery, visitor: Visitor
) -> Annotated[Raw, Answer(200, "A page for people.", str, media_type="text/html"), _NOT_CONFIGURED]:
    """Help people who follow a reference to the app that opens it.  The reference itself is not looked at."""
    configured = pages_configuration().app_onboarding
    if configured is None:
        return Raw(404)
    return Raw(200, onboarding.page(configured, query.app, visitor.user_agent), onboarding.HTML)


@api.get("/.well-known/apple-app-site-association")
def get_apple_app_site_association() -> Annotated[
    Raw, Answer(200, "Apps that open links to this host on Apple's systems.", AppleAppSiteAssociation), _NOT_CONFIGURED
]:
    """Tell Apple's systems which apps open links to this host."""
    configured = pages_configuration().well_known_endpoints
    if configured is None:
        return Raw(404)
    return Raw(200, AppleAppSiteAssociation.of(configured).model_dump_json(by_alias=True), JSON)


@api.get("/.well-known/assetlinks.json")
def get_asset_links() -> Annotated[
    Raw, Answer(200, "Apps that open links to this host on Android.", list[AssetLink]), _NOT_CONFIGURED
]:
    """Tell Android which apps open links to this host."""
    configured = pages_configuration().well_known_endpoints
    if configured is None:
        return Raw(404)
    links = TypeAdapter(list[AssetLink]).dump_json(AssetLink.all_of(configured), by_alias=True)
    return Raw(200, links.decode("utf-8"), JSON)


@api.get("/style/style.css")
def get_style_sheet(
    known: KnownFile,
) -> Annotated[
    Raw,
    Answer(200, "The style sheet.", str, media_type="text/css", headers=("ETag", "Last-Modified")),
    Answer(304, "The browser has it already.", headers=("ETag",)),
]:
    """The style of the pages for people."""
    return file(_STYLE, CSS).answer(known)
