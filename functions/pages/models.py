"""What goes over the wire beside HTML.  Contract: misc.md, sections 3 and 4."""

from pydantic import BaseModel, Field

from backbone.http import HeaderModel, QueryModel
from functions.pages.configuration import WellKnownEndpoints

HANDLE_ALL_URLS = "delegate_permission/common.handle_all_urls"
REFERENCES = "/r/*"


class AppQuery(QueryModel):
    """The app that shall open the reference."""

    app: str | None = None


class Visitor(HeaderModel):
    """Whose stores to show."""

    user_agent: str = Field(default="", alias="User-Agent")


class Component(BaseModel):
    """Which paths an app opens."""

    path: str = Field(default=REFERENCES, serialization_alias="/")
    comment: str = "Matches any URL whose path starts with /r/"


class AppleDetail(BaseModel):
    """Apps and the paths they open."""

    app_ids: tuple[str, ...] = Field(serialization_alias="appIDs")
    components: tuple[Component, ...] = (Component(),)


class AppLinks(BaseModel):
    """All of Apple's apps."""

    details: tuple[AppleDetail, ...]


class AppleAppSiteAssociation(BaseModel):
    """Apple's document: names are literal, there is no envelope."""

    applinks: AppLinks

    @classmethod
    def of(cls, configured: WellKnownEndpoints) -> "AppleAppSiteAssociation":
        """The wire form."""
        return cls(applinks=AppLinks(details=(AppleDetail(app_ids=configured.apple_app_site_associations),)))


class AndroidTarget(BaseModel):
    """An Android app and who signs it."""

    namespace: str = "android_app"
    package_name: str
    sha256_cert_fingerprints: tuple[str, ...]


class AssetLink(BaseModel):
    """An element of Google's document."""

    relation: tuple[str, ...] = (HANDLE_ALL_URLS,)
    target: AndroidTarget

    @classmethod
    def all_of(cls, configured: WellKnownEndpoints) -> "list[AssetLink]":
        """The wire form."""
        return [
            cls(
                target=AndroidTarget(
                    package_name=link.package_name, sha256_cert_fingerprints=link.sha256_cert_fingerprints
                )
            )
            for link in configured.android_asset_links
        ]
