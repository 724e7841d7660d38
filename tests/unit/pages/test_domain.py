"""Which stores a visitor is shown.  Contract: misc.md, section 3."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.pages.domain import Platform, Store, platform_of, stores_for

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"
ANDROID = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36"


@pytest.mark.parametrize(
    ("user_agent", "platform"),
    [
        ("iPhone", Platform.IOS),
        (IPHONE, Platform.IOS),
        ("Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X)", Platform.IOS),
        ("ipod touch", Platform.IOS),
        ("Android", Platform.ANDROID),
        (ANDROID, Platform.ANDROID),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Android", Platform.OTHER),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0)", Platform.OTHER),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", Platform.MAC_OS),
        ("Mozilla/4.0 (compatible; PPC Mac)", Platform.MAC_OS),
        ("Mozilla/5.0 (X11; Linux x86_64)", Platform.OTHER),
        ("unknown", Platform.OTHER),
        ("", Platform.OTHER),
    ],
)
def test_the_platform_is_read_from_the_user_agent(user_agent: str, platform: Platform) -> None:
    """misc.md §3: case-insensitive substring, first match in this order"""
    assert platform_of(user_agent) == platform
    assert platform_of(user_agent.upper()) == platform


def test_a_phone_sees_its_store_and_a_desktop_both() -> None:
    """misc.md §3: Android: Google Play only; iOS, macOS: Apple only; other: Apple App Store, then Google Play"""
    assert stores_for("Android") == (Store.GOOGLE_PLAY_STORE,)
    assert stores_for("iPhone") == stores_for("Mac OS X") == (Store.APPLE_APP_STORE,)
    assert stores_for("unknown") == (Store.APPLE_APP_STORE, Store.GOOGLE_PLAY_STORE)


@given(st.text())
def test_every_visitor_sees_a_store(user_agent: str) -> None:
    assert stores_for(user_agent)
