"""The apps of the operator, as configured.  Contract: misc.md, sections 7.4 and 7.5.

The file has the form of the reference's settings; names of settings match in any case.  It is checked when packages are
built (`python -m infra.configuration`) and once more when the function starts.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from backbone.configuration import Section

SECTIONS = ("AppOnboarding", "WellKnownEndpoints")
FILE = Path(__file__).with_name("configuration.json")

Color = Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$")]
Image = Annotated[str, Field(pattern=r"^(https?://[^\s\"'<>]+|data:image/[a-z0-9.+-]+;base64,[A-Za-z0-9+/=]+)$")]
AppId = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*$")]
"""Also the scheme of the app's deep links, so it has a scheme's characters (RFC 3986, section 3.1)."""
Link = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]+$")]
NotEmpty = Annotated[str, Field(min_length=1)]


class ColorScheme(Section):
    """The colours of an app's page."""

    background: Color = "#FFFFFF"
    primary: Color = "#000000"
    secondary: Color = "#000000"
    on_primary: Color = "#000000"
    on_secondary: Color = "#000000"


class AppStore(Section):
    """Where a store has the app; without link it is not there yet."""

    app_link: Link | None = None
    no_link_text: str = "The app is not available in this store yet."


class App(Section):
    """An app that opens references."""

    id: AppId
    display_name: NotEmpty
    description: NotEmpty
    banner_url: Image
    icon_url: Image
    apple_app_store: AppStore
    google_play_store: AppStore
    color_scheme: ColorScheme


class AppOnboarding(Section):
    """The apps to choose from."""

    default_app_id: str | None = None
    apps: Annotated[tuple[App, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        ids = [app.id for app in self.apps]
        if len(set(ids)) < len(ids):
            raise ValueError("Apps: each app needs an Id of its own")
        if self.default_app_id is not None and self.default_app_id not in ids:
            raise ValueError(f"DefaultAppId: there is no app {self.default_app_id!r}")
        return self

    def app(self, app_id: str | None) -> App | None:
        """The app of this id, or the default one; None: unknown."""
        wanted = app_id or self.default_app_id
        return next((app for app in self.apps if app.id == wanted), None)


class AndroidAssetLink(Section):
    """An Android app that may open this host's links."""

    package_name: NotEmpty
    sha256_cert_fingerprints: tuple[NotEmpty, ...]


class WellKnownEndpoints(Section):
    """Which apps may open this host's links."""

    apple_app_site_associations: tuple[NotEmpty, ...]
    android_asset_links: tuple[AndroidAssetLink, ...]


class PagesConfiguration(Section):
    """What is absent is not served."""

    app_onboarding: AppOnboarding | None = None
    well_known_endpoints: WellKnownEndpoints | None = None


def read(sections: Mapping[str, Any]) -> PagesConfiguration:
    """Check these sections of the operator's file.  Raises `pydantic.ValidationError`."""
    return PagesConfiguration.model_validate(sections)


@lru_cache(maxsize=1)
def pages_configuration() -> PagesConfiguration:
    """The configuration of this process."""
    return read(json.loads(FILE.read_text(encoding="utf-8")))
