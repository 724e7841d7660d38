"""Credentials in SSM, platform applications in SNS."""

from collections.abc import Iterable
from typing import Any

import boto3
from botocore.exceptions import ClientError

from backbone.custom_resource import Request
from backbone.observability import logger
from functions.push.applications import Application, attributes_of, prefix_of, read


class ApplicationStore:
    """Parameters `<path>/fcm/<app id>`, `<path>/apns/<bundle id>` (SecureString); applications `<stack>_<app id>`."""

    def __init__(self, path: str, stack: str) -> None:
        self._path = path
        self._stack = stack
        self._ssm: Any = boto3.client("ssm")
        self._sns: Any = boto3.client("sns")

    def credentials(self) -> dict[str, str]:
        """What the operator has put there, by `<platform>/<app id>`."""
        pages = self._ssm.get_paginator("get_parameters_by_path").paginate(
            Path=self._path, Recursive=True, WithDecryption=True
        )
        found = (parameter for page in pages for parameter in page["Parameters"])
        return {each["Name"].removeprefix(f"{self._path}/"): each["Value"] for each in found}

    def apply(self, wanted: Iterable[Application]) -> None:
        """Make SNS have these applications of this stack and no others; may be repeated."""
        existing = self._existing()
        for application in wanted:
            arn = existing.pop((application.platform, application.name), None)
            if arn:
                self._sns.set_platform_application_attributes(
                    PlatformApplicationArn=arn, Attributes=dict(application.attributes)
                )
            else:
                self._sns.create_platform_application(
                    Name=application.name, Platform=application.platform, Attributes=dict(application.attributes)
                )
            logger.info("push application set up", event_id=613186, platform=application.platform)
        for arn in existing.values():
            self._sns.delete_platform_application(PlatformApplicationArn=arn)
            logger.info("push application removed", event_id=613187)

    def _existing(self) -> dict[tuple[str, str], str]:
        pages = self._sns.get_paginator("list_platform_applications").paginate()
        arns = [application["PlatformApplicationArn"] for page in pages for application in page["PlatformApplications"]]
        named = {_platform_and_name(arn): arn for arn in arns}
        return {key: arn for key, arn in named.items() if key[1].startswith(prefix_of(self._stack))}


def _platform_and_name(arn: str) -> tuple[str, str]:
    _, platform, name = arn.rsplit(":", 1)[1].split("/")
    return platform, name


def carry_out(request: Request) -> dict[str, str]:
    """A request of the custom resource: bring SNS in step with the credentials.

    Without any there is nothing to do at first, also where SNS has no mobile push.  A stack can be deleted even if its
    applications cannot.
    """
    properties, kind = request["ResourceProperties"], request["RequestType"]
    store = ApplicationStore(properties["CredentialsPath"], properties["Stack"])
    if kind == "Delete":
        try:
            store.apply([])
        except ClientError:
            logger.exception("push applications left over", event_id=613188)
        return {}
    applications = read(store.credentials(), properties["Stack"])
    if applications.wanted or kind == "Update":
        store.apply(applications.wanted)
    return attributes_of(applications)
