"""Which Backbone a command is about, and how mistakes are told."""

import json
from pathlib import Path

import pytest

from cli import target
from cli.target import NoTarget, Target, choose
from infra.local import running
from tests.support.command import backbone


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("BACKBONE_STACK", "BACKBONE_DEVICES_TABLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(running, "_FOLDER", tmp_path)


def given_local(port: int, folder: Path) -> None:
    """A Backbone that runs on this machine."""
    environment = {
        "BACKBONE_STACK": "backbone",
        "BACKBONE_DEVICES_TABLE": f"devices-{port}",
        "BACKBONE_LOG_LEVEL": "INFO",
        "AWS_ENDPOINT_URL": f"http://localhost:1{port}",
        "POWERTOOLS_SERVICE_NAME": "devices",
    }
    (folder / f"{port}.json").write_text(json.dumps(environment))


def test_the_only_one_on_this_machine_needs_no_name(tmp_path: Path) -> None:
    given_local(8090, tmp_path)

    chosen = choose(stack=None, local=False, port=1)

    assert chosen.stack == "backbone"
    assert dict(chosen.environment) == {
        "BACKBONE_STACK": "backbone",
        "BACKBONE_DEVICES_TABLE": "devices-8090",
        "AWS_ENDPOINT_URL": "http://localhost:18090",
    }


def test_of_several_one_is_named_by_its_port(tmp_path: Path) -> None:
    given_local(8090, tmp_path)
    given_local(9000, tmp_path)

    with pytest.raises(NoTarget, match="8090, 9000"):
        choose(stack=None, local=False, port=8090)
    assert choose(stack=None, local=True, port=9000).environment["BACKBONE_DEVICES_TABLE"] == "devices-9000"


def test_tables_of_the_environment_come_before_what_runs_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given_local(8090, tmp_path)
    monkeypatch.setenv("BACKBONE_DEVICES_TABLE", "mine")

    assert choose(stack=None, local=False, port=8090) == Target("", {})


def test_a_stack_of_the_environment_comes_before_what_runs_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_local(8090, tmp_path)
    monkeypatch.setenv("BACKBONE_STACK", "production")
    monkeypatch.setattr(target, "_on_aws", lambda stack: Target(stack, {"from": "aws"}))

    assert choose(stack=None, local=False, port=8090) == Target("production", {"from": "aws"})
    assert choose(stack="other", local=False, port=8090).stack == "other"
    assert choose(stack=None, local=True, port=8090).stack == "backbone"


@pytest.mark.usefixtures("moto")
def test_a_stack_that_does_not_exist_is_told_in_one_line() -> None:
    outcome = backbone("--stack", "nowhere", "client", "list")

    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert "there is no Backbone 'nowhere' in eu-central-1" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["client", "list"], "which Backbone?"),
        (["--local", "client", "list"], "no Backbone runs on port 8090"),
        (["--stack", "a", "--local", "client", "list"], "exclude each other"),
        (["--unknown"], "No such option"),
        (["frobnicate"], "No such command"),
    ],
)
def test_a_misunderstanding_ends_with_2_and_one_line(arguments: list[str], problem: str) -> None:
    outcome = backbone(*arguments)

    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert problem in outcome.err


def test_help_needs_no_backbone() -> None:
    outcome = backbone("client", "create", "--help")

    assert outcome.code == 0
    assert "--default-tier" in outcome.out


def test_without_a_word_it_shows_what_there_is() -> None:
    outcome = backbone()

    assert outcome.code == 2
    assert "client" in outcome.err
