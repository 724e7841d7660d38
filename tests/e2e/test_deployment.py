"""The commands of docs/first-deployment.md, as an operator types them, on the emulator: from nothing to nothing.

The emulator shows no changes inside nested stacks and keeps no stack policies; what it cannot show is tested in
tests/unit/deployment.
"""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from infra.build import ROOT
from infra.deployment.aws import resources
from infra.local.emulator import Emulator
from infra.local.ports import free_port

STACK = "production"
HOST = "backbone.example.org"
CONFIGURATION = ROOT / "infra" / "local" / "configuration.json"


class Operator:
    """Somebody at a terminal with credentials of the emulated account."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.cloudformation = emulator.client("cloudformation")

    def run(self, module: str, *options: str) -> tuple[int, str]:
        """The exit code and all that the command says."""
        path = os.pathsep.join([str(ROOT), str(ROOT / "layers")])
        outcome = subprocess.run(
            [sys.executable, "-m", module, "--stack", STACK, *options],
            cwd=ROOT,
            env={**os.environ, **self.emulator.credentials(), "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return outcome.returncode, outcome.stdout + outcome.stderr

    def deploy(self, *options: str) -> tuple[int, str]:
        """`make deploy`, with packages for this machine."""
        return self.run("infra.deployment", "--target", "local", *options)

    def remove(self, *options: str) -> tuple[int, str]:
        """`make remove`."""
        return self.run("infra.deployment.removal", *options)

    def parameters(self) -> dict[str, str]:
        (stack,) = self.cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        return {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}

    def tables(self) -> set[str]:
        """All tables that there are."""
        return set(self.emulator.client("dynamodb").list_tables()["TableNames"])

    def stack_tables(self) -> set[str]:
        """The tables that the stack holds."""
        held = resources(self.cloudformation, STACK)
        return {each.physical_id for each in held if each.kind == "AWS::DynamoDB::Table"}

    def is_protected(self, table: str) -> bool:
        described = self.emulator.client("dynamodb").describe_table(TableName=table)["Table"]
        return str(described["DeletionProtectionEnabled"]).lower() == "true"


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    emulator = Emulator(tmp_path_factory.mktemp("account"), port=free_port())
    try:
        emulator.start()
        yield Operator(emulator)
    finally:
        emulator.stop()


def test_a_stack_is_made_changed_kept_and_removed_by_the_documented_commands(operator: Operator) -> None:
    certificate = operator.emulator.client("acm").request_certificate(DomainName=HOST)["CertificateArn"]
    domain = ["--parameter", f"DomainName={HOST}", "--parameter", f"CertificateArn={certificate}"]

    # Preparation: what is missing is told, and nothing is made.
    code, said = operator.deploy("--domain", HOST, "--parameter", f"DomainName={HOST}", "--check-only")
    assert code == 1
    assert f"problem: DomainName is {HOST}, but CertificateArn is empty" in said
    code, said = operator.deploy("--domain", HOST, *domain, "--check-only")
    assert (code, said.splitlines()[-1]) == (0, "checked; nothing was changed")
    assert operator.emulator.client("s3").list_buckets()["Buckets"] == []

    # The first deployment.
    code, said = operator.deploy("--domain", HOST, *domain, "--configuration", str(CONFIGURATION))
    assert code == 0, said
    assert "to add" in said
    assert "switching on the deletion protection of the tables" in said
    assert f"BaseUrl                  https://{HOST}" in said
    assert len(operator.stack_tables()) >= 10
    assert all(operator.is_protected(table) for table in operator.stack_tables())

    # The same again, without naming anything.
    code, said = operator.deploy()
    assert code == 0, said
    assert "nothing to change" in said
    assert f"configuration: that of the last deployment, s3://{STACK}-artifacts-" in said

    # Another value, and only that.
    before = operator.parameters()
    code, said = operator.deploy("--parameter", "MaxUnreceivedMessages=30")
    assert code == 0, said
    assert "parameter MaxUnreceivedMessages: 20 -> 30" in said
    assert operator.parameters() == {**before, "MaxUnreceivedMessages": "30"}
    assert before["DeletionProtection"] == "true"

    # What would cut clients off is refused.
    code, said = operator.deploy("--reset", "DomainName", "--reset", "CertificateArn")
    assert code == 1
    assert f"refused, nothing was changed:\n  DomainName would change from {HOST} to (empty): clients would be" in said
    code, said = operator.deploy("--domain", "other.example.org")
    assert (code, "part of every address" in said) == (1, True)
    assert operator.parameters()["DomainName"] == HOST

    # A mistake in the operator's file stops everything.
    code, said = operator.deploy("--configuration", "/missing.json")
    assert (code, "/missing.json: No such file" in said) == (1, True)

    tables = operator.stack_tables()
    # Removing asks; data stays until that is wanted, too (the emulator deletes tables of nested stacks all the same).
    code, said = operator.remove()
    assert (code, "--yes is needed" in said) == (1, True)
    code, said = operator.remove("--yes")
    assert code == 0, said
    assert f"deleted stack {STACK}" in said
    assert f"kept, and paid for: {STACK}-" in said
    code, said = operator.remove()
    assert (code, "OPTIONS=--with-data deletes that" in said) == (1, True)
    code, said = operator.remove("--with-data", "--yes")
    assert code == 0, said
    assert tables.isdisjoint(operator.tables())
    assert operator.emulator.client("s3").list_buckets()["Buckets"] == []
    assert operator.remove("--with-data", "--yes")[0] == 1


def test_make_passes_on_what_it_is_told() -> None:
    def commands(*arguments: str) -> str:
        command = ["make", "-n", "--no-print-directory", *arguments]
        outcome = subprocess.run(command, cwd=ROOT, env=_alone(), capture_output=True, text=True, check=True)
        return " ".join(outcome.stdout.split())

    first = commands("deploy", "STACK=s", "DOMAIN=h", "CONFIGURATION=f.json", "OPTIONS=--yes --parameter A=b")
    assert '-m infra.deployment --stack "s" --domain "h" --configuration "f.json" --yes --parameter A=b' in first
    assert commands("deploy", "STACK=s").endswith('-m infra.deployment --stack "s"')
    assert '-m infra.deployment.removal --stack "s" --with-data' in commands("remove", "STACK=s", "OPTIONS=--with-data")


def _alone() -> dict[str, str]:
    """The environment without what `make test` says to a make below it."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
