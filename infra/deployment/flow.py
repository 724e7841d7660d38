"""The steps of a deployment in their order: onto an emulator without questions, to AWS with all care."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from infra.build import BUILD, ROOT, TARGETS, Target, build
from infra.configuration import ConfigurationError, sections_by_service
from infra.deployment import recovery, report
from infra.deployment.artifacts import Artifacts
from infra.deployment.aws import (
    Clients,
    DeploymentError,
    UnfinishedError,
    description,
    outputs_of,
    parameters_of,
    resources,
)
from infra.deployment.change_set import CREATE, UPDATE, ChangeSet, Wish
from infra.deployment.execution import Patience, carry_out
from infra.deployment.guard import refused, refused_parameters
from infra.deployment.parameters import CONFIGURATION, DOMAIN, chosen, effective, summary
from infra.deployment.preflight import Place, check, check_remains
from infra.deployment.protection import lifted, protect
from infra.package import PackageError, Packager
from infra.sam import Expander, ExpansionError

TEMPLATE = ROOT / "template.yaml"
_REMEMBERED = "Backbone"
"""Where the deployed template keeps what the next deployment has to know."""
_SWITCHED_ON_LATER = "DeletionProtection"
"""A protected table could not be taken back if the first deployment fails in the middle."""


def deploy(
    client: Clients,
    stack: str,
    parameters: Mapping[str, str],
    *,
    packages: Path,
    bucket: str,
    poll_seconds: float,
    seconds: float,
    expand: bool = False,
) -> dict[str, str]:
    """Upload the built `packages` to `bucket`, create or change the stack, and return its outputs.

    Nobody is asked, nothing is kept of the parameters of the last time: that is for emulators.  With `expand`,
    templates are uploaded as plain CloudFormation.  Raises `DeploymentError`, also when it takes longer than `seconds`.
    """
    artifacts = Artifacts(client("s3"), bucket, stack)
    artifacts.prepare(protected=False)
    url, _ = _packaged(artifacts, packages, expand=expand, remembered={})
    cloudformation = client("cloudformation")
    found = description(cloudformation, stack)
    wish = Wish(stack, UPDATE if found else CREATE, parameters, url)
    change_set = ChangeSet.create(cloudformation, wish, poll_seconds)
    if change_set is None:
        return outputs_of(found or {})
    return outputs_of(carry_out(cloudformation, client("logs"), change_set, Patience(poll_seconds, seconds)))


def _packaged(
    artifacts: Artifacts, packages: Path, *, expand: bool, remembered: Mapping[str, str]
) -> tuple[str, set[str]]:
    """The URL of the uploaded template, and the keys of all that belongs to it."""
    expander = Expander(artifacts.region) if expand else None
    packager = Packager(packages, artifacts.bucket, artifacts.url, artifacts.upload_package, expand=expander)
    try:
        return packager.package(TEMPLATE, {_REMEMBERED: remembered} if remembered else None), packager.keys
    except (PackageError, ExpansionError) as error:
        raise DeploymentError(str(error)) from None


@dataclass(frozen=True, slots=True)
class Order:
    """What an operator asks for."""

    stack: str
    given: Mapping[str, str] = field(default_factory=dict)
    reset: Collection[str] = ()
    allowed: Collection[str] = ()
    configuration: Path | None = None
    bucket: str | None = None
    assume_yes: bool = False
    check_only: bool = False


class Deployment:
    """One deployment to AWS."""

    def __init__(
        self,
        client: Clients,
        order: Order,
        patience: Patience,
        *,
        packages: Path = BUILD,
        target: Target = TARGETS["aws"],
    ) -> None:
        self._client = client
        self._order = order
        self._patience = patience
        self._packages = packages
        self._target = target
        self._cloudformation = client("cloudformation")
        self._began = datetime.now(UTC)
        self._stack = description(self._cloudformation, order.stack)
        self._declared: dict[str, dict[str, Any]] = yaml_parse(TEMPLATE.read_text())["Parameters"]
        self._remembered = self._read_remembered() if self._is_complete() else {}
        account = client("sts").get_caller_identity()["Account"]
        region = client("s3").meta.region_name
        own_bucket = f"{order.stack}-artifacts-{account}-{region}"
        bucket = order.bucket or self._remembered.get("Bucket") or own_bucket
        self._has_own_bucket = bucket == own_bucket
        self._artifacts = Artifacts(client("s3"), bucket, order.stack)
        self._place = Place(order.stack, account, region, bucket)

    def run(self) -> dict[str, str]:
        """Do it and return the outputs of the stack; empty if only a check was asked for.

        Raises `DeploymentError`, `BuildError`; then nothing has changed, or what has is taken back as far as possible.
        """
        report.tell(f"{self._order.stack}: account {self._place.account}, {self._place.region}")
        parameters = self._parameters()
        values = effective(self._declared, self._deployed(), parameters)
        self._check(values)
        if self._order.check_only:
            report.tell("checked; nothing was changed")
            return {}
        if self._recovered():
            self._check_remains(values)
            parameters = self._parameters()
        self._artifacts.prepare(protected=self._has_own_bucket)
        url, used = self._build()
        self._submit(self._with_late_protection(parameters), url)
        self._finish(used)
        return outputs_of(self._stack or {})

    def _is_complete(self) -> bool:
        return self._stack is not None and self._stack["StackStatus"] not in recovery.NEVER_COMPLETE

    def _deployed(self) -> dict[str, str]:
        return parameters_of(self._stack) if self._is_complete() else {}

    def _parameters(self) -> dict[str, str | None]:
        """What to deploy with.  Raises `DeploymentError`."""
        given = self._order.given
        deployed = self._deployed()
        is_moved = DOMAIN in given and deployed.get(DOMAIN, given[DOMAIN]) != given[DOMAIN]
        if is_moved and DOMAIN not in self._order.allowed:
            raise DeploymentError(
                f"{DOMAIN} is {deployed[DOMAIN]} and part of every address; with {given[DOMAIN]}, no identity would be"
                f" found any more.  (--allow {DOMAIN} does it all the same.)"
            )
        return chosen(self._declared, deployed, given, self._order.reset)

    def _check(self, values: Mapping[str, str]) -> None:
        is_new = self._stack is None
        findings = check(self._client, self._place, values, self._deployed(), is_new=is_new)
        findings.problems += self._mistakes_in_configuration()
        report.tell_findings(findings)
        if findings.problems:
            raise DeploymentError("nothing was changed; solve the problems above and run it again")

    def _mistakes_in_configuration(self) -> list[str]:
        try:
            if self._order.configuration is not None:
                sections_by_service(self._order.configuration)
        except ConfigurationError as error:
            return str(error).splitlines()
        return []

    def _check_remains(self, values: Mapping[str, str]) -> None:
        findings = check_remains(self._client, self._place, values)
        report.tell_findings(findings)
        if findings.problems:
            raise DeploymentError("the failed attempt is deleted; solve the problems above and run it again")

    def _recovered(self) -> bool:
        """Put an earlier attempt away; whether the stack has to be made."""
        self._stack = recovery.recover(self._client, self._order.stack, self._patience, report.tell)
        if self._stack is None:
            recovery.wait_for_names(self._cloudformation, self._order.stack, report.tell)
        return self._stack is None

    def _read_remembered(self) -> dict[str, str]:
        body = self._cloudformation.get_template(StackName=self._order.stack, TemplateStage="Original")["TemplateBody"]
        template = yaml_parse(body) if isinstance(body, str) else body
        return dict(template.get("Metadata", {}).get(_REMEMBERED, {}))

    def _build(self) -> tuple[str, set[str]]:
        """Build and upload everything; the URL of the template, and all keys in use."""
        key, file = self._configuration()
        build(self._target, self._packages, file)
        remembered = {"Bucket": self._place.bucket, "Configuration": key}
        url, used = _packaged(self._artifacts, self._packages, expand=True, remembered=remembered)
        return url, {*used, key}

    def _configuration(self) -> tuple[str, Path | None]:
        """The operator's file: the given one, else the one of the last deployment; its key and where it is now."""
        if self._order.configuration is not None:
            report.tell(f"configuration: {self._order.configuration}")
            return self._artifacts.upload_configuration(self._order.configuration), self._order.configuration
        key = self._remembered.get("Configuration", "")
        if CONFIGURATION in self._order.reset or not key:
            report.tell(f"configuration: none, the defaults apply{' again' if key else ''}")
            return "", None
        content = self._artifacts.read(key)
        if content is None:
            raise DeploymentError(
                f"the configuration file of the last deployment, s3://{self._place.bucket}/{key}, is gone: give one"
                f" (CONFIGURATION=...), or none any more (--reset {CONFIGURATION})"
            )
        file = self._packages / "last-configuration.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        report.tell(f"configuration: that of the last deployment, s3://{self._place.bucket}/{key}")
        return key, file

    def _with_late_protection(self, parameters: dict[str, str | None]) -> dict[str, str | None]:
        """The parameters for now; in a new stack, tables are protected once all is there."""
        wanted = effective(self._declared, {}, parameters).get(_SWITCHED_ON_LATER) if self._stack is None else None
        if wanted != "true":
            return parameters
        self._artifacts.remember_unfinished({_SWITCHED_ON_LATER: wanted})
        return {**parameters, _SWITCHED_ON_LATER: "false"}

    def _submit(self, parameters: dict[str, str | None], url: str) -> None:
        """Show what would change, ask, and do it."""
        if self._stack is None:
            self._change(Wish(self._order.stack, CREATE, parameters, url), asked=not self._order.assume_yes)
            return
        allowed = set(self._order.allowed) - {DOMAIN}
        with lifted(self._cloudformation, self._stack["StackId"], allowed):
            wish = Wish(self._order.stack, UPDATE, parameters, url)
            self._change(wish, asked=not self._order.assume_yes)

    def _change(self, wish: Wish, *, asked: bool) -> None:
        change_set = ChangeSet.create(self._cloudformation, wish, self._patience.poll_seconds)
        if change_set is None:
            report.tell("nothing to change")
            return
        try:
            self._approve(change_set, asked=asked)
        except BaseException:
            change_set.discard(self._cloudformation)
            raise
        before = {each.physical_id for each in resources(self._cloudformation, change_set.stack_id)}
        try:
            self._stack = carry_out(self._cloudformation, self._client("logs"), change_set, self._patience)
        except UnfinishedError:
            raise
        except DeploymentError:
            recovery.clean_up(self._client, change_set.stack_id, before, self._patience, report.tell)
            raise

    def _approve(self, change_set: ChangeSet, *, asked: bool) -> None:
        """Raises `DeploymentError` if it is not to be done."""
        deployed = self._deployed()
        values = effective(self._declared, deployed, change_set.wish.parameters)
        if deployed:
            for line in summary(deployed, values):
                report.tell(f"parameter {line}")
        report.tell(f"\n{report.table(change_set.changes)}\n")
        if change_set.blind:
            report.tell(f"warning: CloudFormation cannot tell what changes inside nested stacks: {change_set.blind}")
            report.tell("Their stack policies keep it from replacing or removing tables and the like.\n")
        refusals = refused_parameters(deployed, values, self._order.allowed)
        refusals += refused(self._cloudformation, change_set.changes, self._order.allowed)
        if refusals:
            names = " ".join(f"--allow {refusal.partition(' ')[0]}" for refusal in refusals)
            raise DeploymentError(
                "refused, nothing was changed:\n  " + "\n  ".join(refusals) + f"\nIf this is meant, run it with {names}"
            )
        if not report.is_wanted("Do this?", assume_yes=not asked):
            raise DeploymentError("nothing was changed")

    def _finish(self, used: set[str]) -> None:
        """What comes after: late protection, policies, and old packages go."""
        assert self._stack is not None
        if left := self._artifacts.unfinished():
            self._protect_tables(left)
            self._artifacts.forget_unfinished()
        count = protect(self._cloudformation, self._stack["StackId"])
        report.tell(f"{count} resources are protected from replacement and removal, the stack from deletion")
        self._artifacts.prune(used, self._began)

    def _protect_tables(self, left: Mapping[str, str]) -> None:
        """The second update of a first deployment; if that was interrupted, the next one does it."""
        assert self._stack is not None
        deployed = parameters_of(self._stack)
        if all(name in self._order.given or deployed.get(name) == value for name, value in left.items()):
            return
        report.tell("everything is there: switching on the deletion protection of the tables")
        kept: dict[str, str | None] = dict.fromkeys(deployed)
        self._change(Wish(self._order.stack, UPDATE, {**kept, **left}), asked=False)
