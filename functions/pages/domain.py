"""Which stores a visitor is shown.  Contract: misc.md, section 3."""

from enum import StrEnum


class Platform(StrEnum):
    """What a visitor's device can install."""

    ANDROID = "android"
    IOS = "ios"
    MAC_OS = "macos"
    OTHER = "other"


class Store(StrEnum):
    """Where apps are installed from."""

    APPLE_APP_STORE = "apple-app-store"
    GOOGLE_PLAY_STORE = "google-play-store"


# The first match counts: user agents of phones name desktop systems, too.
_SIGNS = (
    ("windows nt ", Platform.OTHER),
    ("android", Platform.ANDROID),
    ("iphone", Platform.IOS),
    ("ipad", Platform.IOS),
    ("ipod", Platform.IOS),
    ("cros", Platform.OTHER),
    ("os x", Platform.MAC_OS),
    ("ppc mac", Platform.MAC_OS),
)
_STORES = {
    Platform.ANDROID: (Store.GOOGLE_PLAY_STORE,),
    Platform.IOS: (Store.APPLE_APP_STORE,),
    Platform.MAC_OS: (Store.APPLE_APP_STORE,),
    Platform.OTHER: (Store.APPLE_APP_STORE, Store.GOOGLE_PLAY_STORE),
}


def platform_of(user_agent: str) -> Platform:
    """The platform that a `User-Agent` names."""
    text = user_agent.lower()
    return next((platform for sign, platform in _SIGNS if sign in text), Platform.OTHER)


def stores_for(user_agent: str) -> tuple[Store, ...]:
    """The stores to show, in their order."""
    return _STORES[platform_of(user_agent)]
