"""What can be known to go wrong before anything is made: all of it at once, with the way out.

A problem stops the deployment, a warning does not. A check that the caller's rights do not allow is a warning.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.deployment.aws import Clients, message
from infra.deployment.names import Name, names

CONCURRENCY = 1000
_RESERVE = 100  # Lambda keeps this much for functions without a reservation
_CERTIFICATE_DAYS = 30
_STACK_NAME = re.compile(r"[a-z][a-z0-9-]*[a-z0-9]")
_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
_DID_DOMAIN = (3, 45)
_PUSH_REGIONS = frozenset(
    [
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
        "af-south-1",
        "ap-east-1",
        "ap-southeast-3",
        "ap-south-1",
        "ap-northeast-3",
        "ap-northeast-2",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-northeast-1",
        "ca-central-1",
        "eu-central-1",
        "eu-west-1",
        "eu-west-2",
        "eu-south-1",
        "eu-south-2",
        "eu-west-3",
        "eu-north-1",
        "me-south-1",
        "me-central-1",
        "sa-east-1",
        "us-gov-west-1",
    ]
)
"""Where SNS has mobile push (Amazon SNS Developer Guide, "mobile application supported Regions")."""
_CERTIFICATES = {
    "CertificateArn": ("DomainName", ""),
    "AdminCertificateArn": ("AdminDomainName", ""),
    "DistributionCertificateArn": ("DomainName", "us-east-1"),
}
"""Parameters with a certificate: the parameter with its domain, and its region if it is a fixed one."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stack is to be: the account, its region, the bucket of packages."""

    stack: str
    account: str
    region: str
    bucket: str


@dataclass(slots=True)
class Findings:
    """What is wrong: `problems` stop the deployment, `warnings` do not."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check(
    client: Clients, place: Place, values: Mapping[str, str], deployed: Mapping[str, str], *, is_new: bool
) -> Findings:
    """Look at everything; `values` are all parameters as they will be, `deployed` as they are."""
    found = Findings()
    checks: list[Callable[[], None]] = [
        lambda: _check_names(found, place, values),
        lambda: _check_domain(found, values),
        lambda: _check_budget(found, values),
        lambda: _check_region(found, place),
        lambda: _check_certificates(found, client, place, values),
        lambda: _check_concurrency(found, client, values, deployed),
        lambda: _check_large_uploads(found, client, place, values),
    ]
    for one in checks:
        _checked(found, one)
    if is_new:
        found.problems += check_remains(client, place, values).problems
    return found


def check_remains(client: Clients, place: Place, values: Mapping[str, str]) -> Findings:
    """Look for what an earlier life of the stack has left under names that the new one needs."""
    found = Findings()
    _checked(found, lambda: _check_remains(found, client, place, values))
    return found


def _checked(found: Findings, check_it: Callable[[], None]) -> None:
    try:
        check_it()
    except ClientError as error:
        found.warnings.append(f"not checked: {error.operation_name} answers {message(error)}")
    except BotoCoreError as error:
        found.warnings.append(f"not checked: {error}")


def _known(place: Place, values: Mapping[str, str]) -> dict[str, str]:
    return {**values, "AWS::AccountId": place.account, "AWS::Region": place.region}


def _check_names(found: Findings, place: Place, values: Mapping[str, str]) -> None:
    if not _STACK_NAME.fullmatch(place.stack):
        found.problems.append(
            f"stack name {place.stack!r}: lower-case letters, digits and hyphens only, a letter first"
        )
    too_long = [name for name in names(place.stack, _known(place, values)) if len(name.value) > name.limit]
    too_long += [Name("AWS::S3::Bucket", place.bucket, 63)] if len(place.bucket) > 63 else []
    if too_long:
        excess = max(len(name.value) - name.limit for name in too_long)
        worst = next(name for name in too_long if len(name.value) - name.limit == excess)
        found.problems.append(
            f"stack name {place.stack!r} is {excess} characters too long: {worst.value} ({worst.kind}) has"
            f" {len(worst.value)} of {worst.limit} characters"
        )


def _check_domain(found: Findings, values: Mapping[str, str]) -> None:
    domain, own = values.get("DidDomainName", ""), values.get("DomainName", "")
    shortest, longest = _DID_DOMAIN
    if not shortest <= len(domain) <= longest or not _HOST.fullmatch(domain):
        found.problems.append(
            f"DidDomainName {domain!r}: a host name in lower case of {shortest} to {longest} characters is needed,"
            " because it is part of every address"
        )
    if not own:
        found.warnings.append(
            "there is no custom domain: clients compute addresses from the host they call, and the API's own host name"
            f" is not {domain}; give DomainName and CertificateArn unless something in front of the API has that name"
        )
    elif own != domain:
        found.warnings.append(f"DomainName {own} is not DidDomainName {domain}: clients that call {own} are refused")


def _check_budget(found: Findings, values: Mapping[str, str]) -> None:
    if values.get("MonthlyBudget", "0") not in ("", "0") and not values.get("AlarmEmail"):
        found.problems.append("MonthlyBudget needs AlarmEmail: somebody has to hear of it")


def _check_region(found: Findings, place: Place) -> None:
    if place.region not in _PUSH_REGIONS:
        found.warnings.append(f"SNS sends no push notifications from {place.region}; everything else works there")


def _has_distribution(values: Mapping[str, str]) -> bool:
    return values.get("LargeUploads") == "container" or values.get("Distribution", "off") != "off"


def _check_certificates(found: Findings, client: Clients, place: Place, values: Mapping[str, str]) -> None:
    for parameter, (of_domain, fixed_region) in _CERTIFICATES.items():
        arn, domain = values.get(parameter, ""), values.get(of_domain, "")
        is_needed = bool(domain) and (not fixed_region or _has_distribution(values))
        if is_needed and not arn:
            found.problems.append(f"{of_domain} is {domain}, but {parameter} is empty: request a certificate from ACM")
        elif arn and not domain:
            found.problems.append(f"{parameter} is given, but {of_domain} is empty")
        elif arn:
            found.problems += [
                f"{parameter}: {problem}"
                for problem in _certificate_problems(client, arn, domain, fixed_region or place.region)
            ]


def _certificate_problems(client: Clients, arn: str, domain: str, region: str) -> Iterator[str]:
    parts = arn.split(":")
    if len(parts) != 6 or parts[2] != "acm":
        yield f"{arn!r} is not the ARN of an ACM certificate"
        return
    if parts[3] != region:
        yield f"the certificate is in {parts[3]}, it has to be in {region}"
        return
    try:
        found = client("acm", region_name=region).describe_certificate(CertificateArn=arn)["Certificate"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        yield f"there is no certificate {arn}"
        return
    if found["Status"] != "ISSUED":
        yield f"the certificate is {found['Status']}, not ISSUED{_way_out(found)}"
    covered = found.get("SubjectAlternativeNames") or [found["DomainName"]]
    if not any(_covers(name, domain) for name in covered):
        yield f"the certificate is for {', '.join(covered)}, not for {domain}"
    if "NotAfter" in found and found["NotAfter"] < datetime.now(UTC) + timedelta(days=_CERTIFICATE_DAYS):
        yield f"the certificate ends on {found['NotAfter']:%Y-%m-%d}"


def _way_out(certificate: Mapping[str, Any]) -> str:
    """The DNS record that ACM waits for."""
    records = [option.get("ResourceRecord") for option in certificate.get("DomainValidationOptions", [])]
    return "".join(f"; it waits for {each['Name']} {each['Type']} {each['Value']}" for each in records if each)


def _covers(name: str, domain: str) -> bool:
    return name == domain or (name.startswith("*.") and domain.partition(".")[2] == name[2:])


def _check_concurrency(
    found: Findings, client: Clients, values: Mapping[str, str], deployed: Mapping[str, str]
) -> None:
    limit = client("lambda").get_account_settings()["AccountLimit"]
    total, free = limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]
    if total < CONCURRENCY:
        found.warnings.append(
            f"this account runs at most {total} functions at once, and every listening client takes one; when none is"
            f" left, nobody can log in. Ask for {CONCURRENCY} before anybody uses it, it is free:\n"
            "  aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384"
            f" --desired-value {CONCURRENCY}"
        )
    reserved = _reserved(values)
    room = max(free + sum(_reserved(deployed).values()) - _RESERVE, 0)
    if sum(reserved.values()) > room:
        asked = ", ".join(f"{name} {value}" for name, value in reserved.items() if value)
        found.problems.append(
            f"{asked}: only {room} executions can be reserved, because Lambda keeps {_RESERVE} for functions without a"
            " reservation; set it to 0 until the account may run more"
        )


def _reserved(values: Mapping[str, str]) -> dict[str, int]:
    return {name: int(value) for name, value in values.items() if name.endswith("Concurrency") and value.isdigit()}


def _check_large_uploads(found: Findings, client: Clients, place: Place, values: Mapping[str, str]) -> None:
    if values.get("LargeUploads") != "container":
        return
    image = values.get("LargeUploadsImage", "")
    if not image:
        found.problems.append(
            "LargeUploads=container needs LargeUploadsImage, an image in the ECR repository"
            f" {place.stack}-large-uploads (docs/decisions/large-uploads.md)"
        )
    try:
        client("iam").get_role(RoleName="AWSServiceRoleForECS")
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
        found.problems.append(
            "LargeUploads=container is the first use of ECS in this account; make its role, or the first try fails:\n"
            "  aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com"
        )


def _check_remains(found: Findings, client: Clients, place: Place, values: Mapping[str, str]) -> None:
    of_kind: dict[str, list[str]] = {}
    for name in names(place.stack, _known(place, values)):
        of_kind.setdefault(name.kind, []).append(name.value)
    tables = [name for name in of_kind.get("AWS::DynamoDB::Table", []) if _has_table(client, name)]
    buckets = [name for name in of_kind.get("AWS::S3::Bucket", []) if _has_bucket(client, name)]
    groups = [name for name in of_kind.get("AWS::Logs::LogGroup", []) if _has_log_group(client, name)]
    if tables or buckets:
        found.problems.append(
            f"an earlier stack {place.stack} has left its data: {', '.join(tables + buckets)}\n"
            "  to go on with another name, choose another STACK; to give the data up for ever:\n"
            f"  make remove STACK={place.stack} OPTIONS=--with-data"
        )
    if groups:
        commands = "\n".join(f"  aws logs delete-log-group --log-group-name {group}" for group in groups)
        found.problems.append(
            f"an earlier stack {place.stack} has left logs; delete them, or choose another STACK:\n{commands}"
        )


def _has_table(client: Clients, name: str) -> bool:
    try:
        client("dynamodb").describe_table(TableName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return False
        raise
    return True


def _has_bucket(client: Clients, name: str) -> bool:
    try:
        client("s3").head_bucket(Bucket=name)
    except ClientError as error:
        return error.response["Error"]["Code"] not in {"404", "NoSuchBucket"}
    return True


def _has_log_group(client: Clients, name: str) -> bool:
    found = client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return any(group["logGroupName"] == name for group in found)
