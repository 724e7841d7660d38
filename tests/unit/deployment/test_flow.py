"""`make deploy` step by step, on the emulator with small templates: what is kept, asked, refused, taken up again."""

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from infra.build import Target
from infra.deployment import flow, names
from infra.deployment.aws import DeploymentError
from infra.deployment.change_set import Wish
from infra.deployment.execution import Patience
from infra.deployment.flow import Deployment, Order
from infra.local.emulator import Emulator
from infra.local.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("deployment")]

HOST = "backbone.example.org"
GIVEN = {"DidDomainName": HOST}
PATIENCE = Patience(poll_seconds=0.02, seconds=30)
_NUMBERS = itertools.count()


def template(*tables: str) -> dict[str, Any]:
    """An outer template with parameters like ours, and a nested one with these tables."""
    return {
        "Metadata": {"AWS::CloudFormation::Interface": {}},
        "Parameters": {
            "DidDomainName": {"Type": "String"},
            "Rate": {"Type": "Number", "Default": 10},
            "DeletionProtection": {"Type": "String", "Default": "true", "AllowedValues": ["true", "false"]},
        },
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": {"Ref": "Rate"}}},
            "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "DidDomainName"}}},
            "Storage": {
                "Type": "AWS::CloudFormation::Stack",
                "Properties": {
                    "TemplateURL": f"storage{'-'.join(('', *tables))}.yaml",
                    "Parameters": {
                        "DeletionProtection": {"Ref": "DeletionProtection"},
                        "Name": {"Ref": "AWS::StackName"},
                    },
                },
            },
        },
        "Outputs": {"Rate": {"Value": {"Ref": "Rate"}}},
    }


def storage(*tables: str) -> dict[str, Any]:
    """The nested template."""
    properties = {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "DeletionProtectionEnabled": {"Ref": "DeletionProtection"},
    }
    return {
        "Parameters": {"DeletionProtection": {"Type": "String"}, "Name": {"Type": "String"}},
        "Resources": {
            "Topic": {"Type": "AWS::SNS::Topic"},
            **{
                name: {
                    "Type": "AWS::DynamoDB::Table",
                    "DeletionPolicy": "Retain",
                    "Properties": {**properties, "TableName": {"Fn::Sub": f"${{Name}}-{name}"}},
                }
                for name in tables
            },
        },
    }


class Account:
    """An operator at work with a stack of its own on the emulator."""

    def __init__(self, emulator: Emulator, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.emulator = emulator
        self.folder = folder
        self.stack = f"flow{next(_NUMBERS)}"
        self.bucket = f"{self.stack}-artifacts-000000000000-{emulator.region}"
        self.built_with: list[str] = []
        self.cloudformation = emulator.client("cloudformation")
        monkeypatch.setattr(flow, "TEMPLATE", folder / "template.yaml")
        monkeypatch.setattr(flow, "build", self._build)
        monkeypatch.setattr(names, "templates", list)
        self.write("Items")

    def __call__(self, service: str, region_name: str = "") -> Any:
        assert region_name in ("", self.emulator.region)
        return self.cloudformation if service == "cloudformation" else self.emulator.client(service)

    def write(self, *tables: str, **resources: Any) -> None:
        """Write the templates, with more resources in the outer one."""
        outer = template(*tables)
        outer["Resources"] |= resources
        (self.folder / "template.yaml").write_text(yaml.safe_dump(outer))
        (self.folder / outer["Resources"]["Storage"]["Properties"]["TemplateURL"]).write_text(
            yaml.safe_dump(storage(*tables))
        )

    def deploy(self, **order: Any) -> dict[str, str]:
        return Deployment(self, Order(self.stack, **order), PATIENCE, packages=self.folder / "build").run()

    def status(self) -> str:
        try:
            return str(self.cloudformation.describe_stacks(StackName=self.stack)["Stacks"][0]["StackStatus"])
        except ClientError:
            return "none"

    def parameters(self) -> dict[str, str]:
        (stack,) = self.cloudformation.describe_stacks(StackName=self.stack)["Stacks"]
        return {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}

    def change_sets(self) -> list[str]:
        """Those that nobody has executed."""
        found = self.cloudformation.list_change_sets(StackName=self.stack)["Summaries"]
        return [each["ExecutionStatus"] for each in found if each["ExecutionStatus"] != "EXECUTE_COMPLETE"]

    def tables(self) -> dict[str, bool]:
        """The stack's tables by their names, and whether they are protected."""
        dynamodb = self("dynamodb")
        found = [name for name in dynamodb.list_tables()["TableNames"] if name.startswith(f"{self.stack}-")]
        described = {name: dynamodb.describe_table(TableName=name)["Table"] for name in found}
        return {
            name.removeprefix(f"{self.stack}-"): str(table["DeletionProtectionEnabled"]).lower() == "true"
            for name, table in described.items()
        }

    def buckets(self) -> list[str]:
        return [bucket["Name"] for bucket in self("s3").list_buckets()["Buckets"]]

    def objects(self, folder: str) -> list[str]:
        found = self("s3").list_objects_v2(Bucket=self.bucket, Prefix=f"{self.stack}/{folder}")
        return [entry["Key"] for entry in found.get("Contents", [])]

    def _build(self, target: Target, folder: Path, operators_file: Path | None) -> None:
        assert not target.installed
        assert folder == self.folder / "build"
        self.built_with.append(operators_file.read_text() if operators_file else "")


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = Emulator(tmp_path_factory.mktemp("emulator"), port=free_port())
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def account(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    return Account(emulator, tmp_path, monkeypatch)


def test_parameters_stay_as_they_were(account: Account) -> None:
    account.deploy(given={**GIVEN, "Rate": "20"})
    account.write("Items", "More")

    outputs = account.deploy()

    assert outputs == {"Rate": "20"}
    assert account.parameters() == {"DidDomainName": HOST, "Rate": "20", "DeletionProtection": "true"}
    account.deploy(given={"Rate": "30"})
    assert account.parameters()["Rate"] == "30"
    account.deploy(reset=["Rate"])
    assert account.parameters()["Rate"] == "10"


def test_tables_are_protected_by_a_second_update_of_the_first_deployment(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    wishes: list[Wish] = []
    create = flow.ChangeSet.create

    def listen(cloudformation: Any, wish: Wish, poll_seconds: float) -> Any:
        wishes.append(wish)
        return create(cloudformation, wish, poll_seconds)

    monkeypatch.setattr(flow.ChangeSet, "create", listen)

    account.deploy(given=GIVEN)

    assert [wish.parameters["DeletionProtection"] for wish in wishes] == ["false", "true"]
    assert wishes[1].template_url is None
    assert account.tables() == {"Items": True}
    (stack,) = account.cloudformation.describe_stacks(StackName=account.stack)["Stacks"]
    assert stack["EnableTerminationProtection"]
    policy = json.loads(account.cloudformation.get_stack_policy(StackName=account.stack)["StackPolicyBody"])
    assert policy["Statement"][1]["Resource"] == ["LogicalResourceId/Queue", "LogicalResourceId/Storage"]
    assert account.objects("unfinished") == []


def test_a_first_deployment_that_was_interrupted_is_finished_by_the_next(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as interrupted:
        interrupted.setattr(Deployment, "_protect_tables", die)
        with pytest.raises(KeyboardInterrupt):
            account.deploy(given=GIVEN)
    assert account.parameters()["DeletionProtection"] == "false"

    account.deploy()

    assert account.parameters()["DeletionProtection"] == "true"
    assert account.objects("unfinished") == []


def test_who_wants_no_protection_gets_none(account: Account) -> None:
    account.deploy(given={**GIVEN, "DeletionProtection": "false"})
    account.deploy()

    assert account.parameters()["DeletionProtection"] == "false"


def test_the_configuration_file_stays_until_another_or_none_is_wanted(
    account: Account, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "appsettings.json"
    file.write_text(configured("en"))
    account.deploy(given=GIVEN, configuration=file)
    file.unlink()

    account.deploy(given={"Rate": "20"})
    assert account.built_with == [configured("en")] * 2
    assert "configuration: that of the last deployment, s3://" in capsys.readouterr().out
    assert len(account.objects("configuration/")) == 1

    account.deploy(given={"Rate": "30"}, reset=["configuration"])
    assert account.built_with[-1] == ""
    assert "none, the defaults apply again" in capsys.readouterr().out
    account.deploy(given={"Rate": "40"})
    assert account.built_with[-1] == ""


def test_a_configuration_file_that_got_lost_stops_the_deployment(account: Account, tmp_path: Path) -> None:
    file = tmp_path / "appsettings.json"
    file.write_text(configured("en"))
    account.deploy(given=GIVEN, configuration=file)
    (key,) = account.objects("configuration/")
    account("s3").delete_object(Bucket=account.bucket, Key=key)

    with pytest.raises(DeploymentError, match=r"is gone: give one .*--reset configuration"):
        account.deploy()


def test_the_configuration_of_a_failed_deployment_is_not_remembered(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "appsettings.json"
    file.write_text(configured("en"))
    account.deploy(given=GIVEN, configuration=file)
    file.write_text(configured("en", "de"))

    def fail(*_: Any) -> None:
        raise DeploymentError("no")

    with monkeypatch.context() as failing:
        failing.setattr(flow, "carry_out", fail)
        with pytest.raises(DeploymentError):
            account.deploy(configuration=file, given={"Rate": "20"})
    account.deploy()

    assert account.built_with[-1] == configured("en")


def test_nothing_to_change_is_a_success_and_leaves_nothing_behind(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.deploy(given=GIVEN)

    assert account.deploy() == {"Rate": "10"}

    assert "nothing to change" in capsys.readouterr().out
    assert account.change_sets() == []


def test_losses_are_refused_unless_allowed_by_name(account: Account) -> None:
    account.deploy(given=GIVEN)
    outer = yaml.safe_load((account.folder / "template.yaml").read_text())
    del outer["Resources"]["Storage"]
    del outer["Resources"]["Queue"]
    (account.folder / "template.yaml").write_text(yaml.safe_dump(outer))

    with pytest.raises(DeploymentError) as refusal:
        account.deploy()
    assert "Queue (queue) would be removed\n  Storage/Items (table) would be removed" in str(refusal.value)
    assert "--allow Queue --allow Storage/Items" in str(refusal.value)
    assert account.change_sets() == []
    assert account.tables() == {"Items": True}

    account.deploy(allowed=["Queue", "Storage"])
    assert "Queue" not in json.dumps(
        account.cloudformation.describe_stack_resources(StackName=account.stack), default=str
    )


def test_the_domain_of_all_addresses_cannot_be_changed_by_mistake(account: Account) -> None:
    account.deploy(given=GIVEN)

    with pytest.raises(DeploymentError, match="part of every address"):
        account.deploy(given={"DidDomainName": "other.example.org"})
    account.deploy(given=GIVEN)
    account.deploy(given={"DidDomainName": "other.example.org"}, allowed=["DidDomainName"])

    assert account.parameters()["DidDomainName"] == "other.example.org"


def test_a_person_at_a_terminal_is_asked(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["", "n", "y"])
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return next(answers)

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", answer)

    with pytest.raises(DeploymentError, match="nothing was changed"):
        account.deploy(given=GIVEN)
    assert account.status() == "none"  # not even one under review
    account.deploy(given=GIVEN, assume_yes=True)
    with pytest.raises(DeploymentError, match="nothing was changed"):
        account.deploy(given={"Rate": "20"})
    assert account.change_sets() == []
    account.deploy(given={"Rate": "20"})

    assert account.parameters()["Rate"] == "20"
    assert len(asked) == 3


def test_only_checking_changes_nothing(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    assert account.deploy(given=GIVEN, check_only=True) == {}

    assert "nothing was changed" in capsys.readouterr().out
    assert account.built_with == []
    assert account.bucket not in account.buckets()
    assert account.status() == "none"


def test_problems_stop_the_deployment_before_anything_is_made(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    file = account.folder / "appsettings.json"
    file.write_text('{"Modules": {"Tags": {"Application": {"SupportedLanguages": ["de"]}}}}')

    with pytest.raises(DeploymentError, match="nothing was changed"):
        account.deploy(given={"DidDomainName": "UPPER.example.org"}, configuration=file)

    said = capsys.readouterr().out
    assert "problem: DidDomainName" in said
    assert f"problem: {file}: Modules:Tags:Application" in said
    assert account.bucket not in account.buckets()


def test_a_bucket_of_the_operators_own_is_remembered(account: Account) -> None:
    place = {"LocationConstraint": account.emulator.region}
    account("s3").create_bucket(Bucket="own", CreateBucketConfiguration=place)
    account.deploy(given=GIVEN, bucket="own")
    account.deploy(given={"Rate": "20"})

    assert account.bucket not in account.buckets()
    assert "Status" not in account("s3").get_bucket_versioning(Bucket="own")


def test_only_packages_in_use_are_kept(account: Account) -> None:
    account.deploy(given=GIVEN)
    first = account.objects("packages/")
    account.write("Items", "More")
    account.deploy()

    assert len(first) == len(account.objects("packages/")) == 2
    assert set(first).isdisjoint(account.objects("packages/"))


def configured(*languages: str) -> str:
    """An operator's file."""
    return json.dumps({"Modules": {"Tags": {"Application": {"SupportedLanguages": languages}}}})


FAILING = {
    "Type": "Custom::Missing",
    "DependsOn": ["Storage", "Queue"],
    "Properties": {"ServiceToken": "arn:aws:lambda:eu-central-1:000000000000:function:missing"},
}
"""A resource that cannot be made, after everything else."""


def test_a_first_deployment_that_fails_says_why_and_leaves_nothing_and_can_be_repeated(account: Account) -> None:
    account.write("Items", Last=FAILING)

    for _ in range(2):
        with pytest.raises(DeploymentError, match=r"Last \(Custom::Missing\): .*not found"):
            account.deploy(given=GIVEN)
        assert account.status() == "none"
        assert account.tables() == {}

    account.write("Items")
    account.deploy(given=GIVEN)
    assert account.tables() == {"Items": True}


def test_an_update_that_fails_leaves_no_table_in_the_way_of_the_next(account: Account) -> None:
    account.deploy(given=GIVEN)
    account.write("Items", "More", Last=FAILING)

    with pytest.raises(DeploymentError, match=r"Last \(Custom::Missing\): .*not found"):
        account.deploy()
    assert account.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert account.tables() == {"Items": True}

    account.write("Items", "More")
    account.deploy()
    assert account.tables() == {"Items": True, "More": True}


def test_a_failed_first_deployment_goes_on_with_the_same_command(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The attempt before has died between its change set and its execution."""

    def die(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(flow, "carry_out", die)
        with pytest.raises(SystemExit):
            account.deploy(given=GIVEN)

    account.deploy(given=GIVEN)

    assert "REVIEW_IN_PROGRESS, it was never complete: it is deleted and made anew" in capsys.readouterr().out
    assert account.parameters()["DeletionProtection"] == "true"
