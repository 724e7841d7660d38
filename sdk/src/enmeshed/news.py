"""Small services of the Backbone: announcements, tags, feature flags, notifications, push registration, quotas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from enmeshed.errors import PreconditionError
from enmeshed.protocol.encoding import JsonObject, iso, parse_iso, utc_now
from enmeshed.relationships import Relationship, Relationships
from enmeshed.session import Session
from enmeshed.vault import STATE

TAG_CACHE_LIFETIME = timedelta(minutes=5)
_TAGS = "tags"


@dataclass(frozen=True)
class Announcement:
    """News of the Backbone's operator; ``severity`` is ``Low``, ``Medium`` or ``High``."""

    id: str
    created_at: datetime
    expires_at: datetime | None
    severity: str
    title: str
    body: str
    iql_query: str | None
    actions: tuple[JsonObject, ...]

    @classmethod
    def of(cls, value: JsonObject) -> Announcement:
        """From an answer of the Backbone."""
        end = value.get("expiresAt")
        return cls(
            id=value["id"],
            created_at=parse_iso(value["createdAt"]),
            expires_at=parse_iso(end) if end else None,
            severity=value["severity"],
            title=value["title"],
            body=value["body"],
            iql_query=value.get("iqlQuery"),
            actions=tuple(value.get("actions") or ()),
        )


class Announcements:
    """``account.announcements``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def all(self, language: str = "en", *, with_expired: bool = False) -> list[Announcement]:
        """News for this identity in a language (two lower-case letters), oldest first.

        The Backbone lists expired ones for a while; they are left out unless ``with_expired``. One call:
        ``GET Announcements``. Raises :class:`BackboneError` for an unknown language.
        """
        answers = self._session.connection.get("/Announcements", {"language": language})
        found = sorted(map(Announcement.of, answers), key=lambda one: one.created_at)
        return [one for one in found if with_expired or one.expires_at is None or one.expires_at > utc_now()]


class Tags:
    """``account.tags``: the tags that attributes and files may have."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self) -> JsonObject:
        """``{supportedLanguages, tagsForAttributeValueTypes}``, kept for five minutes, then asked for with its ETag.

        At most one call: ``GET Tags``.
        """
        known = self._session.storage.find(STATE, _TAGS)
        if known is not None and parse_iso(known["askedAt"]) + TAG_CACHE_LIFETIME > utc_now():
            tags: JsonObject = known["tags"]
            return tags
        headers = {"if-none-match": known["etag"]} if known is not None and known["etag"] else {}
        response = self._session.connection.request("GET", "/Tags", headers=headers)
        if response.status == 304 and known is not None:
            tags, etag = known["tags"], known["etag"]
        else:
            tags, etag = response.result, response.headers.get("etag")
        self._session.storage.put(STATE, _TAGS, {"tags": tags, "etag": etag, "askedAt": iso(utc_now())})
        return tags


class FeatureFlags:
    """``account.feature_flags``: what identities tell their peers about what they can do."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def set(self, flags: Mapping[str, bool]) -> None:
        """Set some flags of this identity, leaving others. One call: ``PATCH Identities/Self/FeatureFlags``."""
        self._session.connection.patch("/Identities/Self/FeatureFlags", dict(flags))

    def of(self, address: str) -> dict[str, bool]:
        """The flags of an identity that one has met.

        One call: ``GET Identities/{address}/FeatureFlags``. Raises :class:`NotFoundError` for strangers.
        """
        flags: dict[str, bool] = self._session.connection.get(f"/Identities/{quote(address)}/FeatureFlags")
        return flags


class Notifications:
    """``account.notifications``: push texts, configured by the operator, to the devices of peers."""

    def __init__(self, session: Session, relationships: Relationships) -> None:
        self._session = session
        self._relationships = relationships

    def send(self, recipients: Iterable[Relationship | str], code: str) -> None:
        """Send the text of a code to peers.

        Raises :class:`PreconditionError` ``error.transport.backboneNotifications.…`` without recipients, without code
        or without an active relationship, :class:`BackboneError` ``…notification.codeDoesNotExist``. One call: ``POST
        Notifications``.
        """
        addresses = self._relationships.addresses(recipients)
        if not addresses or not code:
            raise PreconditionError("error.transport.backboneNotifications.recipientsAndCodeRequired")
        for address in addresses:
            relationship = self._relationships.with_peer(address)
            if relationship is None or relationship.status != "Active":
                raise PreconditionError("error.transport.backboneNotifications.noActiveRelationship", address)
        self._session.connection.post("/Notifications", {"recipients": addresses, "code": code})


class PushRegistration:
    """``account.push``: where the Backbone sends push notifications for this device."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def register(self, platform: str, handle: str, app_id: str, *, environment: str | None = None) -> str:
        """Register this device; another registration of it is replaced.

        :param platform: ``fcm``, ``apns`` or ``dummy``
        :param environment: ``Development`` or ``Production``, for APNs
        :returns: the device's push identifier, by which notifications name their recipient

        One call: ``PUT Devices/Self/PushNotifications``. Raises :class:`BackboneError`
        ``error.platform.unsupportedAppId``.
        """
        body = {"platform": platform, "handle": handle, "appId": app_id}
        if environment is not None:
            body["environment"] = environment
        answer = self._session.connection.put("/Devices/Self/PushNotifications", body)
        return str(answer["devicePushIdentifier"])

    def unregister(self) -> None:
        """No more push notifications. One call: ``DELETE Devices/Self/PushNotifications``."""
        self._session.connection.delete("/Devices/Self/PushNotifications")


@dataclass(frozen=True)
class Quota:
    """A limit of the identity: at most ``max`` of a metric per ``period``, of which ``usage`` is used."""

    metric: str
    source: str
    max: int
    usage: int
    period: str


class Quotas:
    """``account.quotas``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def all(self) -> list[Quota]:
        """The limits of this identity and what is used of them. One call: ``GET Quotas``."""
        groups: list[JsonObject] = self._session.connection.get("/Quotas")
        return [
            Quota(quota["metricKey"], quota["source"], quota["max"], quota["usage"], quota["period"])
            for group in groups
            for quota in group["quotas"]
        ]
