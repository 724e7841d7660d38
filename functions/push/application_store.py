"""Credentials in SSM, platform applications in SNS."""

import contextlib
import json
from typing import Any

import boto3
from botocore.exceptions import ClientError

from backbone import metrics
from backbone.custom_resource import Request
from backbone.observability import logger
from functions.push.applications import (
    App,
    Application,
    Applied,
    CredentialsInvalid,
    Wanted,
    names_at,
    prefix_of,
    read,
    sns_names,
)

Existing = dict[tuple[str, str], str]
"""ARNs by SNS's word for the platform and the name."""


class ApplicationStore:
    """Parameters `<path>/fcm/<app id>`, `<path>/apns/<bundle id>` (SecureString); applications `<stack>_<app id>`.

    The parameter `<path>-applied` says what the last deployment has made of them.
    """

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

    def apply(self, wanted: Wanted) -> Applied:
        """Make SNS have these applications of this stack and no others; may be repeated.

        An app that SNS refuses keeps what it had, like one whose credentials are wrong.
        """
        existing = self.existing()
        refused = dict(wanted.mistakes)
        for app in wanted.apps:
            try:
                self._set_up(app, existing)
            except ClientError as error:
                refused[app.place] = f"SNS refuses it: {error.response['Error']['Code']}"
        places = [*(app.place for app in wanted.apps), *wanted.mistakes]
        kept = {name for place in places for name in self._names(place)}
        for name in existing.keys() - kept:
            self._remove(existing.pop(name))
        for place in refused:
            logger.error("push credentials refused", event_id=613189, app=place, reason=refused[place])
            metrics.push_credentials_refused()
        return Applied(tuple(place for place in sorted(places) if self._is_complete(place, existing)), refused)

    def remove_all(self) -> None:
        """Leave nothing of this stack."""
        with contextlib.suppress(self._ssm.exceptions.ParameterNotFound):
            self._ssm.delete_parameter(Name=self._applied)
        for arn in self.existing().values():
            self._remove(arn)

    def existing(self) -> Existing:
        """The applications of this stack in SNS."""
        pages = self._sns.get_paginator("list_platform_applications").paginate()
        arns = [application["PlatformApplicationArn"] for page in pages for application in page["PlatformApplications"]]
        named = {_platform_and_name(arn): arn for arn in arns}
        return {key: arn for key, arn in named.items() if key[1].startswith(prefix_of(self._stack))}

    def attributes(self, arn: str) -> dict[str, str]:
        """What SNS says about an application."""
        answer = self._sns.get_platform_application_attributes(PlatformApplicationArn=arn)
        return dict(answer["Attributes"])

    def remember(self, version: str, attributes: dict[str, str]) -> None:
        """Note what came of a version."""
        value = json.dumps({"version": version, "attributes": attributes})
        self._ssm.put_parameter(Name=self._applied, Value=value, Type="String", Overwrite=True)

    def remembered(self, version: str) -> dict[str, str] | None:
        """What came of a version, if it was the last one."""
        try:
            value = self._ssm.get_parameter(Name=self._applied)["Parameter"]["Value"]
        except self._ssm.exceptions.ParameterNotFound:
            return None
        applied = json.loads(value)
        return dict(applied["attributes"]) if applied["version"] == version else None

    @property
    def _applied(self) -> str:
        return f"{self._path}-applied"

    def _set_up(self, app: App, existing: Existing) -> None:
        for application in app.applications:
            self._put(application, existing)
            logger.info("push application set up", event_id=613186, platform=application.platform)

    def _put(self, application: Application, existing: Existing) -> None:
        key, attributes = (application.platform, application.name), dict(application.attributes)
        if arn := existing.get(key):
            self._sns.set_platform_application_attributes(PlatformApplicationArn=arn, Attributes=attributes)
        else:
            answer = self._sns.create_platform_application(
                Name=application.name, Platform=application.platform, Attributes=attributes
            )
            existing[key] = answer["PlatformApplicationArn"]

    def _remove(self, arn: str) -> None:
        self._sns.delete_platform_application(PlatformApplicationArn=arn)
        logger.info("push application removed", event_id=613187)

    def _names(self, place: str) -> list[tuple[str, str]]:
        try:
            return sns_names(*names_at(place), self._stack)
        except CredentialsInvalid:
            return []

    def _is_complete(self, place: str, existing: Existing) -> bool:
        names = self._names(place)
        return bool(names) and all(name in existing for name in names)


def _platform_and_name(arn: str) -> tuple[str, str]:
    _, platform, name = arn.rsplit(":", 1)[1].split("/")
    return platform, name


def carry_out(request: Request) -> dict[str, str]:
    """A request of the custom resource: bring SNS in step with the credentials.

    An update to the version that was applied last changes nothing: so CloudFormation comes back from an update that has
    failed, whatever the credentials are by now.  Without credentials there is nothing to do at first, also where SNS
    has no mobile push.  A stack can be deleted even if its applications cannot.
    """
    properties, kind = request["ResourceProperties"], request["RequestType"]
    store = ApplicationStore(properties["CredentialsPath"], properties["Stack"])
    if kind == "Delete":
        try:
            store.remove_all()
        except ClientError:
            logger.exception("push applications left over", event_id=613188)
        return {}
    version = str(properties["Version"])
    if kind == "Update" and (known := store.remembered(version)):
        return known
    credentials = store.credentials()
    nothing = Applied((), {})
    applied = store.apply(read(credentials, properties["Stack"])) if credentials or kind == "Update" else nothing
    store.remember(version, applied.attributes())
    return applied.attributes()
