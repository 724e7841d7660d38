"""SNS in a test: what it got, and how it may fail."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from functions.push import endpoint_store
from tests.support.engine import PUSH_APP_ID

SNS_PLATFORMS = ("GCM", "APNS", "APNS_SANDBOX")


@dataclass(frozen=True)
class Pushed:
    """A message as SNS got it."""

    endpoint_arn: str
    message: dict[str, Any]
    attributes: dict[str, str]

    @property
    def sns_platform(self) -> str:
        """The provider it is for."""
        (platform,) = self.message.keys() - {"default"}
        return str(platform)

    @property
    def body(self) -> dict[str, Any]:
        """What the provider gets."""
        body: dict[str, Any] = json.loads(self.message[self.sns_platform])
        return body

    @property
    def content(self) -> Any:
        """The content object of section 12.3, if any."""
        if self.sns_platform != "GCM":
            return self.body["content"]
        data = self.body["fcmV1Message"]["message"]["data"]
        return json.loads(data["content"]) if "content" in data else None

    @property
    def text(self) -> tuple[str, str]:
        """Title and body."""
        if self.sns_platform != "GCM":
            alert = self.body["aps"]["alert"]
            return alert["title"], alert["body"]
        shown = self.body["fcmV1Message"]["message"]["notification"]
        return shown["title"], shown["body"]


@dataclass
class Provider:
    """SNS with platform applications for one app; `failing` handles cannot be reached at the moment."""

    pushed: list[Pushed] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)

    @property
    def events(self) -> list[str]:
        """The names of the events that were pushed."""
        return [each.content["eventName"] for each in self.pushed]

    def handles(self) -> list[str]:
        """Who got something, in the order of handles."""
        return sorted(token_of(each.endpoint_arn) for each in self.pushed)

    def disable(self, endpoint_arn: str) -> None:
        """As SNS does when the provider does not know the handle any more."""
        endpoint_store.client().set_endpoint_attributes(EndpointArn=endpoint_arn, Attributes={"Enabled": "false"})

    def endpoints(self) -> list[str]:
        """All endpoints there are."""
        client = endpoint_store.client()
        pages = (
            client.list_endpoints_by_platform_application(PlatformApplicationArn=arn)["Endpoints"]
            for arn in (
                each["PlatformApplicationArn"] for each in client.list_platform_applications()["PlatformApplications"]
            )
        )
        return [endpoint["EndpointArn"] for page in pages for endpoint in page]


def token_of(endpoint_arn: str) -> str:
    """The handle of an endpoint; empty when there is no such endpoint."""
    client = endpoint_store.client()
    try:
        return str(client.get_endpoint_attributes(EndpointArn=endpoint_arn)["Attributes"]["Token"])
    except client.exceptions.NotFoundException:
        return ""


@contextmanager
def provided() -> Iterator[Provider]:
    """SNS while this lasts; inside of `mock_aws`."""
    client, provider = endpoint_store.client(), Provider()
    for platform in SNS_PLATFORMS:
        client.create_platform_application(Name=f"test_{PUSH_APP_ID}", Platform=platform, Attributes={})
    publish = client.publish

    def publish_and_note(**request: Any) -> Any:
        if token_of(request["TargetArn"]) in provider.failing:
            raise ClientError({"Error": {"Code": "InternalError", "Message": "out of order"}}, "Publish")
        answer = publish(**request)
        attributes = {name: each["StringValue"] for name, each in request["MessageAttributes"].items()}
        provider.pushed.append(Pushed(request["TargetArn"], json.loads(request["Message"]), attributes))
        return answer

    client.publish = publish_and_note
    try:
        yield provider
    finally:
        client.publish = publish
