"""docs/cost.md says what the templates deploy, and an idle system costs next to nothing."""

from collections.abc import Iterator
from typing import Any

import pytest

from infra.deployed import STACK, Resource, resources
from infra.inventory import MAIN, template
from tests.bench import costs, usage
from tests.bench.capacity import PEAK, TARGET, capacity, profile
from tests.bench.cluster import bill
from tests.bench.prices import tiered

FREE_AT_REST = {
    *("AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Route"),
    *("AWS::ApiGatewayV2::Stage", "AWS::DynamoDB::Table", "AWS::Events::EventBus", "AWS::Events::Rule"),
    *("AWS::IAM::ManagedPolicy", "AWS::IAM::Role", "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::EventSourceMapping"),
    *("AWS::Lambda::Function", "AWS::Lambda::LayerVersion", "AWS::Lambda::Permission", "AWS::Logs::LogGroup"),
    *("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "AWS::SSM::Parameter"),
    *("Custom::PushApplications", "Custom::TokenKeys"),
}
"""Kinds of resources that cost nothing by being there, with the properties that the test below looks at."""


@pytest.fixture(name="deployed", scope="module")
def _deployed() -> list[Resource]:
    return resources()


def _of(deployed: list[Resource], kind: str) -> Iterator[Resource]:
    return (one for one in deployed if one.type == kind)


def test_the_tables_of_the_page_are_fresh() -> None:
    """If not: python -m tests.bench.costs"""
    assert costs.is_fresh()


def test_an_idle_stack_costs_less_than_ten_cents_a_month() -> None:
    assert 0 < sum(usd for _, usd in costs.idle()) < 0.10


def test_no_queue_is_polled() -> None:
    assert costs.polled_queues() == []


def test_a_polled_queue_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    arn = {"EventSourceArn": "arn:aws:sqs:eu-central-1:123456789012:backbone-some"}
    polled = Resource("Some/Mapping", "AWS::Lambda::EventSourceMapping", "", arn)
    monkeypatch.setattr(costs, "resources", lambda: [polled])

    assert sum(usd for _, usd in costs.idle()) > 0.10


def test_nothing_is_deployed_by_default_that_costs_money_at_rest(deployed: list[Resource]) -> None:
    """A new kind of resource belongs into the list here or into the table of the page."""
    assert {one.type for one in deployed} <= FREE_AT_REST
    assert {one.properties["BillingMode"] for one in _of(deployed, "AWS::DynamoDB::Table")} == {"PAY_PER_REQUEST"}
    assert {one.properties.get("Tier", "Standard") for one in _of(deployed, "AWS::SSM::Parameter")} == {"Standard"}
    for function in _of(deployed, "AWS::Lambda::Function"):
        assert not function.properties.keys() & {"SnapStart", "VpcConfig", "ProvisionedConcurrencyConfig"}
        assert function.properties["TracingConfig"] == {"Mode": "PassThrough"}


def test_what_costs_money_at_rest_is_off_unless_asked_for() -> None:
    parameters: dict[str, Any] = template(MAIN)["Parameters"]
    off = {
        "Tracing": "PassThrough",
        "AlarmEmail": "",
        "AlarmTopicArn": "",
        "AlarmDetail": "essential",
        "CloudWatchDashboard": "false",
        "LargeUploads": "false",
        "TableEncryption": "aws-owned",
    }

    assert {name: parameters[name]["Default"] for name in off} == off


def test_events_of_a_message_are_counted_with_the_consumers_they_have(deployed: list[Resource]) -> None:
    for event in usage.EVENTS_OF_A_MESSAGE:
        consumers = {
            str(rule.properties["Targets"][0]["Arn"]).rsplit(":", 1)[-1].removeprefix(f"{STACK}-")
            for rule in _of(deployed, "AWS::Events::Rule")
            if event.name in rule.properties.get("EventPattern", {}).get("detail-type", ())
        }
        assert (event.name, consumers) == (event.name, set(event.consumers))


def test_a_schedule_that_the_page_does_not_know_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    function = {
        "FunctionName": {"Fn::Sub": "${StackName}-new"},
        "Events": {"Often": {"Type": "Schedule", "Properties": {"Schedule": "rate(1 hour)"}}},
    }
    new = {"Resources": {"New": {"Type": "AWS::Serverless::Function", "Properties": function}}}
    monkeypatch.setattr(costs, "template_of", lambda _: new)

    with pytest.raises(ValueError, match="rate\\(1 hour\\)"):
        costs.schedules()


def test_every_request_of_a_user_has_been_measured() -> None:
    assert {usage.LOG_IN, *usage.SYNC, *usage.MESSAGE} <= usage.measured().keys()


def test_a_month_of_users_grows_with_them() -> None:
    one, thousand = usage.month(1), usage.month(1000)

    assert thousand.writes == pytest.approx(one.writes * 1000)
    assert thousand.requests == pytest.approx(1000 * usage.DAYS * 104 / 1e6)


def test_tiers_make_only_what_is_beyond_them_cheaper() -> None:
    tiers = ((300, 1.00), (float("inf"), 0.90))

    assert (tiered(200, tiers), tiered(300, tiers), tiered(400, tiers)) == (200, 300, 390)


def test_capacity_follows_a_day_with_its_peak_at_three_times_its_mean() -> None:
    day = profile()

    assert sum(day) / 24 == pytest.approx(1)
    assert max(day) == pytest.approx(PEAK)
    assert all(there >= needed / TARGET for there, needed in zip(capacity(), day, strict=True))


def test_a_cluster_costs_the_same_whether_anybody_is_there_or_not() -> None:
    few, nobody = (sum(usd for _, usd in bill(users, usage.month(users))) for users in (1000, 0))

    assert few == pytest.approx(nobody, rel=0.01)
