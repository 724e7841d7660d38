"""`backbone chalice-config`: the Chalice app next to a deployed stack.  Decision: docs/decisions/chalice.md."""

import json
from pathlib import Path
from typing import Any

import pytest

from backbone.settings import COMMON, Settings
from cli import chalice_config
from infra import deployed, rights
from infra.inventory import inventory
from tests.support.command import Outcome, backbone
from tests.support.engine import REGION

pytestmark = pytest.mark.slow  # reads all templates
STACK = "shop"
TABLES = {table.service: f"{STACK}-{table.service}" for table in inventory().tables}
SETTINGS = {
    "did_domain": "backbone.example.org",
    **{f"{service}_table": name for service, name in TABLES.items()},
    "devices_table": f"{STACK}-devices-2",
    "payload_bucket": f"{STACK}-payloads-999-{REGION}",
    "token_keys": f"/{STACK}/token-keys",
}


class _Aws:
    """Functions and the operator's identity."""

    class meta:  # noqa: N801  # as boto3 has it
        region_name = REGION

    def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803  # boto3's name
        assert FunctionName == f"{STACK}-push"
        return {"Environment": {"Variables": {"BACKBONE_PUSH_APP_IDS": '{"fcm":["a"]}', "OTHER": "x"}}}

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "999"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Chalice's folder, with another stage in it."""
    (tmp_path / "config.json").write_text(json.dumps({"version": "2.0", "stages": {"dev": {"kept": True}}}))
    monkeypatch.setattr(chalice_config, "client", lambda service: _Aws())
    for name in [name for name in SETTINGS if name.endswith("_table")]:
        monkeypatch.delenv(f"BACKBONE_{name.upper()}", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("BACKBONE_STACK", STACK)
    monkeypatch.setenv(COMMON, json.dumps(SETTINGS))
    return tmp_path


def write(folder: Path, stage: str = "prod") -> Outcome:
    """The command."""
    return backbone("chalice-config", "--stage", stage, "--folder", str(folder))


def stage_of(folder: Path, stage: str = "prod") -> dict[str, Any]:
    """What is written."""
    config = json.loads((folder / "config.json").read_text())
    assert config["stages"]["dev"] == {"kept": True}
    found: dict[str, Any] = config["stages"][stage]
    return found


def test_the_stage_has_the_settings_of_the_stack(folder: Path) -> None:
    assert write(folder).code == 0

    stage = stage_of(folder)
    assert (stage["api_gateway_stage"], stage["autogen_policy"]) == ("prod", False)
    assert json.loads(stage["environment_variables"][COMMON]) == SETTINGS
    assert Settings.model_validate(json.loads(stage["environment_variables"][COMMON])).devices_table == "shop-devices-2"
    assert stage["environment_variables"]["BACKBONE_PUSH_APP_IDS"] == '{"fcm":["a"]}'
    assert "OTHER" not in stage["environment_variables"]


def test_its_function_may_do_what_the_functions_of_the_consumer_api_may_do_together(folder: Path) -> None:
    write(folder)

    statements = json.loads((folder / stage_of(folder)["iam_policy_file"]).read_text())["Statement"]
    granted = {(action, resource) for one in statements for action in one["Action"] for resource in one["Resource"]}
    account = f"{REGION}:999"
    assert ("dynamodb:PutItem", f"arn:aws:dynamodb:{account}:table/shop-messages") in granted
    assert ("dynamodb:PutItem", f"arn:aws:dynamodb:{account}:table/shop-devices-2") in granted
    assert ("ssm:GetParameter", f"arn:aws:ssm:{account}:parameter/shop/token-keys/private") in granted
    assert not [
        each for each in granted if "123456789012" in each[1] or "backbone-" in each[1].replace("backbone-prod", "")
    ]
    assert not [action for action, _ in granted if action.startswith(("events:", "sns:", "sqs:"))]
    for row in _rights_of_the_consumer_api():
        assert row in {(action, resource.rsplit(":", 1)[-1]) for action, resource in granted}, row


def _rights_of_the_consumer_api() -> set[tuple[str, str]]:
    found = deployed.resources(parameters={"DevicesTableSuffix": "-2"})
    roles = {f"<{one.path}.Arn>": one for one in found if one.type == "AWS::IAM::Role"}
    functions = [one for one in found if one.type == "AWS::Lambda::Function"]
    serving = [one for one in functions if one.properties["Handler"].rsplit(".", 1)[1] in ("http", "token", "sse")]
    assert len(serving) > 10
    return {
        (action, f"table/{STACK}-{resource.rsplit('table/', 1)[1]}")
        for one in serving
        for resource, actions in rights._rights(roles[one.properties["Role"]]).items()
        for action in actions
        if "table/" in resource
    }


def test_a_stage_that_api_gateway_would_refuse_is_refused(folder: Path) -> None:
    assert write(folder, "no-good").code == 1


def test_settings_too_large_for_a_function_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(COMMON, json.dumps({**SETTINGS, "cors_allowed_origins": "https://example.org;" * 300}))

    assert "a function's variables take 4096 bytes" in write(folder).err
    assert "prod" not in json.loads((folder / "config.json").read_text())["stages"]


def test_a_local_stage_has_the_emulators_address_and_no_policy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")

    assert "Next: chalice local --stage local" in write(folder, "local").err

    stage = stage_of(folder, "local")
    assert stage["environment_variables"]["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert "iam_policy_file" not in stage
