"""What an account lacks is told before anything is made: all of it at once, each with the way out."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError
from moto import mock_aws

from infra.deployment import preflight
from infra.deployment.names import Name, names, templates
from infra.deployment.preflight import Findings, Place, check, check_remains
from tests.support.cloudformation import refusal

REGION = "eu-central-1"
HOST = "backbone.example.org"
PLACE = Place("backbone", "123456789012", REGION, "backbone-artifacts-123456789012-eu-central-1")


def certificate(region: str = REGION) -> str:
    return f"arn:aws:acm:{region}:123456789012:certificate/1"


class Services:
    """Clients that answer with what a test has put in: a function or an error per call."""

    def __init__(self, **calls: Any) -> None:
        self._calls = {"get_account_settings": account_settings(1000), "get_role": {}, **calls}
        self.regions: list[str] = []

    def __call__(self, service: str, region_name: str = REGION) -> Any:
        if service == "acm":
            self.regions.append(region_name)
        return self

    def __getattr__(self, name: str) -> Callable[..., Any]:
        answer = self._calls[name]

        def call(**_: Any) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def account_settings(concurrency: int) -> dict[str, Any]:
    return {"AccountLimit": {"ConcurrentExecutions": concurrency, "UnreservedConcurrentExecutions": concurrency}}


def issued(*domains: str, **more: Any) -> dict[str, Any]:
    return {"Certificate": {"Status": "ISSUED", "DomainName": domains[0], "SubjectAlternativeNames": domains, **more}}


def found(services: Services, place: Place = PLACE, deployed: dict[str, str] | None = None, **values: str) -> Findings:
    wanted = {"DidDomainName": HOST, **values}
    return check(services, place, wanted, deployed or {}, is_new=False)


def with_domain(services: Services, **values: str) -> Findings:
    return found(services, **{"DomainName": HOST, "CertificateArn": certificate(), **values})


GOOD = issued(HOST)


def test_a_well_prepared_account_gives_no_reason_to_complain() -> None:
    assert with_domain(Services(describe_certificate=GOOD)) == Findings()


def test_problems_with_a_certificate_are_told_with_the_way_out() -> None:
    record = {"Name": "_a.example.org.", "Type": "CNAME", "Value": "_b.acm.aws."}
    pending = {"Certificate": {"Status": "PENDING_VALIDATION", "DomainName": HOST,
                               "DomainValidationOptions": [{"ResourceRecord": record}, {}]}}  # fmt: skip
    soon = datetime.now(UTC) + timedelta(days=3)
    for answer, arn, problem in [
        (GOOD, "", f"DomainName is {HOST}, but CertificateArn is empty"),
        (GOOD, "nonsense", "is not the ARN of an ACM certificate"),
        (GOOD, certificate("us-east-1"), f"the certificate is in us-east-1, it has to be in {REGION}"),
        (refusal("ResourceNotFoundException", "no"), certificate(), "there is no certificate"),
        (pending, certificate(), "PENDING_VALIDATION, not ISSUED; it waits for _a.example.org. CNAME _b.acm.aws."),
        (issued("other.example.org", "*.b.org"), certificate(), f"for other.example.org, *.b.org, not for {HOST}"),
        (issued("*.org"), certificate(), f"not for {HOST}"),
        (issued(HOST, NotAfter=soon), certificate(), f"ends on {soon:%Y-%m-%d}"),
    ]:
        problems = with_domain(Services(describe_certificate=answer), CertificateArn=arn).problems
        assert len(problems) == 1, problems
        assert problem in problems[0]
    assert with_domain(Services(describe_certificate=issued("*.example.org"))).problems == []


def test_each_domain_needs_its_own_certificate_in_its_own_region() -> None:
    services = Services(describe_certificate=issued(HOST, "admin.example.org"))
    large = {
        "LargeUploads": "container",
        "LargeUploadsImage": "image",
        "DistributionCertificateArn": certificate("us-east-1"),
    }
    admin = {"AdminDomainName": "admin.example.org", "AdminCertificateArn": certificate()}

    assert with_domain(services, **large, **admin).problems == []
    assert services.regions == [REGION, REGION, "us-east-1"]
    missing = with_domain(
        services, LargeUploads="container", LargeUploadsImage="image", AdminCertificateArn=certificate()
    )
    assert missing.problems == [
        "AdminCertificateArn is given, but AdminDomainName is empty",
        f"DomainName is {HOST}, but DistributionCertificateArn is empty: request a certificate from ACM",
    ]


def test_a_host_that_cannot_be_part_of_an_address_is_a_problem() -> None:
    for host in (
        "ab",
        "a" * 46,
        "Upper.example.org",
        "-a.example.org",
        "under_score.org",
        "two..dots",
        "https://a.org",
    ):
        (problem,) = found(Services(), DidDomainName=host).problems
        assert problem.startswith(f"DidDomainName {host!r}")


def test_a_domain_that_clients_will_not_find_is_a_warning() -> None:
    (warning,) = found(Services()).warnings
    assert "there is no custom domain" in warning
    other = {"DomainName": "api.example.org", "CertificateArn": certificate()}
    (warning,) = found(Services(describe_certificate=issued("api.example.org")), **other).warnings
    assert f"DomainName api.example.org is not DidDomainName {HOST}" in warning


def test_a_new_account_hears_what_to_ask_for() -> None:
    (warning,) = with_domain(Services(describe_certificate=GOOD, get_account_settings=account_settings(10))).warnings

    assert "at most 10 functions at once" in warning
    assert "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384" in warning


def test_no_more_is_reserved_than_lambda_gives() -> None:
    services = Services(describe_certificate=GOOD)
    (problem,) = with_domain(services, SseConcurrency="901").problems
    assert "SseConcurrency 901: only 900 executions can be reserved" in problem
    assert with_domain(services, SseConcurrency="900").problems == []
    given = {"DomainName": HOST, "CertificateArn": certificate(), "SseConcurrency": "1000"}
    assert found(services, deployed={"SseConcurrency": "200"}, **given).problems == []  # it has 200 already


def test_names_that_would_become_too_long_are_told_with_the_longest() -> None:
    place = Place("b" * 60, "123456789012", REGION, "b" * 60 + "-artifacts-123456789012-eu-central-1")

    (problem,) = with_domain_at(place).problems

    assert "characters too long: " in problem
    longest = max(names(place.stack, {}), key=lambda name: len(name.value) - name.limit)
    assert longest.value in problem or place.bucket in problem


def with_domain_at(place: Place) -> Findings:
    return found(Services(describe_certificate=GOOD), place, DomainName=HOST, CertificateArn=certificate())


def test_the_longest_stack_name_that_works_is_accepted() -> None:
    for length, expected in ((27, 0), (28, 1)):  # a bucket's name has at most 63 characters
        stack = "b" * length
        place = Place(stack, "123456789012", REGION, f"{stack}-artifacts-123456789012-{REGION}")
        assert len(with_domain_at(place).problems) == expected


def test_only_names_that_buckets_and_functions_accept_are_accepted() -> None:
    for stack in ("Backbone", "back_bone", "1backbone", "backbone-", "back.bone"):
        (problem,) = with_domain_at(Place(stack, "1", REGION, "bucket")).problems
        assert problem.startswith(f"stack name {stack!r}")


def test_a_budget_needs_somebody_to_hear_of_it() -> None:
    services = Services(describe_certificate=GOOD)
    assert with_domain(services, MonthlyBudget="0").problems == []
    assert with_domain(services, MonthlyBudget="50", AlarmEmail="me@example.org").problems == []
    (problem,) = with_domain(services, MonthlyBudget="50").problems
    assert "AlarmEmail" in problem


def test_a_region_without_push_is_a_warning() -> None:
    services = Services(describe_certificate=GOOD)
    place = Place("backbone", "1", "eu-central-2", "bucket")
    warnings = found(services, place, DomainName=HOST, CertificateArn=certificate("eu-central-2")).warnings
    assert warnings == ["SNS sends no push notifications from eu-central-2; everything else works there"]


def test_the_first_use_of_containers_needs_a_role_and_an_image() -> None:
    services = Services(describe_certificate=GOOD, get_role=refusal("NoSuchEntity", "no"))
    problems = with_domain(
        services, LargeUploads="container", DistributionCertificateArn=certificate("us-east-1")
    ).problems

    assert "LargeUploads=container needs LargeUploadsImage" in problems[0]
    assert "aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com" in problems[1]


def test_what_may_not_be_looked_at_is_a_warning() -> None:
    services = Services(
        describe_certificate=GOOD, get_account_settings=refusal("AccessDenied", "no right", "GetAccountSettings")
    )
    assert with_domain(services).warnings == ["not checked: GetAccountSettings answers no right"]
    services = Services(describe_certificate=GOOD, get_account_settings=NoCredentialsError())
    assert with_domain(services).warnings == ["not checked: Unable to locate credentials"]


@pytest.fixture
def moto() -> Iterator[None]:
    with mock_aws():
        yield


def test_what_an_earlier_life_has_left_is_told_with_the_way_out(moto: None, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Logs::LogGroup", "AWS::SQS::Queue")
    left = [Name(kind, f"backbone-{kind[-5:].lower().strip(':')}", 100) for kind in kinds]
    monkeypatch.setattr(preflight, "names", lambda stack, values: left)

    def client(service: str) -> Any:
        return boto3.client(service, region_name=REGION)

    assert check_remains(client, PLACE, {}) == Findings()
    table, bucket, group, _ = (name.value for name in left)
    client("dynamodb").create_table(
        TableName=table,
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    client("logs").create_log_group(logGroupName=group + "-longer")
    assert len(check_remains(client, PLACE, {}).problems) == 1
    client("logs").create_log_group(logGroupName=group)
    data, logs = check_remains(client, PLACE, {}).problems

    assert f"has left its data: {table}, {bucket}\n" in data
    assert "make remove STACK=backbone OPTIONS=--with-data" in data
    assert f"aws logs delete-log-group --log-group-name {group}" in logs


def test_names_are_known_from_all_templates() -> None:
    found_names = names("backbone", {"AWS::AccountId": "1", "AWS::Region": REGION})

    values = {name.value for name in found_names}
    assert "backbone-token" in values  # a function
    assert "backbone-dead-letters" in values  # a queue
    assert "backbone-devices" in values  # a table
    assert not any("${" in value for value in values)
    assert templates()[0].name == "template.yaml"
