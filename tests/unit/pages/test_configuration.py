"""What the operator may configure.  Contract: misc.md, sections 7.4 and 7.5."""

import copy
from typing import Any

import pytest
from pydantic import ValidationError

from functions.pages.configuration import pages_configuration, read
from tests.unit.pages.apps import CONFIGURATION, app


def onboarding(**changed: Any) -> dict[str, Any]:
    return {"AppOnboarding": {"Apps": [app()], **changed}}


def test_without_a_file_nothing_is_configured() -> None:
    pages_configuration.cache_clear()

    assert pages_configuration().app_onboarding is None
    assert pages_configuration().well_known_endpoints is None


def test_the_references_settings_are_read_in_any_case() -> None:
    """misc.md §7.1: Keys are case-insensitive"""
    lower = {"apponboarding": {"apps": [{name.lower(): value for name, value in app().items()}]}}

    configured = read(lower).app_onboarding

    assert configured is not None
    assert configured.apps[0].id == "example"


def test_colours_and_texts_have_the_references_defaults() -> None:
    """misc.md §7.4: `#FFFFFF`, `#000000`; a fixed English sentence saying the app is not yet in this store"""
    [configured] = read(onboarding(Apps=[app(ColorScheme={}, AppleAppStore={})])).app_onboarding.apps  # type: ignore[union-attr]

    assert (configured.color_scheme.background, configured.color_scheme.primary) == ("#FFFFFF", "#000000")
    assert configured.apple_app_store.app_link is None
    assert "not available" in configured.apple_app_store.no_link_text


@pytest.mark.parametrize(
    ("sections", "complaint"),
    [
        (onboarding(Apps=[]), "Apps"),
        (onboarding(DefaultAppId="unknown"), "there is no app 'unknown'"),
        (onboarding(DefaultAppId="Example"), "there is no app 'Example'"),
        (onboarding(Apps=[app(), app()]), "an Id of its own"),
        (onboarding(Apps=[app(IconUrl="icon.png")]), "IconUrl"),
        (onboarding(Apps=[app(BannerUrl="javascript:alert(1)")]), "BannerUrl"),
        (onboarding(Apps=[app(Id="two words")]), "Id"),
        (onboarding(Apps=[app(AppleAppStore={"AppLink": "javascript:alert(1)"})]), "AppLink"),
        (onboarding(Apps=[app(ColorScheme={"Primary": "red"})]), "Primary"),
        (onboarding(Apps=[app(ColorScheme={"Prmary": "#000000"})]), "Prmary"),
        ({"WellKnownEndpoints": {}}, "AppleAppSiteAssociations"),
        ({"WellKnownEndpoints": {"AppleAppSiteAssociations": [], "AndroidAssetLinks": [{}]}}, "PackageName"),
    ],
)
def test_mistakes_are_named(sections: dict[str, Any], complaint: str) -> None:
    """misc.md: missing required configuration -> start fails"""
    with pytest.raises(ValidationError, match=complaint):
        read(sections)


@pytest.mark.parametrize(
    "missing",
    ["Id", "DisplayName", "Description", "BannerUrl", "IconUrl", "AppleAppStore", "GooglePlayStore", "ColorScheme"],
)
def test_an_app_needs_all_its_parts(missing: str) -> None:
    """misc.md §7.4: R = required; store section itself R; `ColorScheme` itself is required"""
    sections = copy.deepcopy(CONFIGURATION)
    del sections["AppOnboarding"]["Apps"][0][missing]

    with pytest.raises(ValidationError, match=missing):
        read(sections)
