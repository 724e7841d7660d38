"""`backbone chalice-config`: connects the Chalice app (`app.py`) to a Backbone.  Decision: docs/decisions/chalice.md.

It writes a stage into `.chalice/config.json` and the stage's policy beside it: the settings of the stack, and the
rights that the functions of its Consumer API have together, taken from the templates.
"""

import json
import os
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from backbone.settings import COMMON
from cli import target
from cli.aws import client
from cli.output import CommandFailed, say

FOLDER = Path(__file__).resolve().parent.parent / ".chalice"
_CONSUMER_API = ("http", "token", "sse")
"""The entry points that serve it (`functions/<service>/handler.py`)."""
_ENVIRONMENT_BYTES = 4096
_OVERRIDES = {
    "POWERTOOLS_SERVICE_NAME": "consumer-api",
    # Chalice's functions answer with binary contents only through API Gateway's binary types; S3 takes any.
    "BACKBONE_MAX_INLINE_DOWNLOAD_BYTES": "0",
}

Statement = dict[str, Any]


def write_chalice_config(
    stage: Annotated[str, typer.Option(help="The stage to write, also the name in its URL.")],
    folder: Annotated[Path, typer.Option(help="The folder of Chalice's configuration.")] = FOLDER,
) -> None:
    """Write a stage and its policy for the Chalice app, so that it works next to this Backbone."""
    if not re.fullmatch(r"[A-Za-z0-9_]{1,128}", stage):
        raise CommandFailed("the name of a stage consists of letters, digits and underscores")
    environment = _environment()
    size = sum(len(name) + len(value) for name, value in environment.items())
    if size > _ENVIRONMENT_BYTES:
        raise CommandFailed(f"a function's variables take {_ENVIRONMENT_BYTES} bytes, these settings are {size}")
    written: dict[str, Any] = {"api_gateway_stage": stage, "environment_variables": environment}
    if not _is_local():
        policy = f"policy-{stage}.json"
        _write(folder / policy, {"Version": "2012-10-17", "Statement": _statements(stage)})
        written |= {"autogen_policy": False, "iam_policy_file": policy}
    file = folder / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    config["stages"][stage] = written
    _write(file, config)
    say(f"Stage '{stage}' is in {file}. Next: chalice {'local' if _is_local() else 'deploy'} --stage {stage}")


def _is_local() -> bool:
    return "AWS_ENDPOINT_URL" in os.environ


def _environment() -> dict[str, str]:
    if _is_local():
        names = [name for name in os.environ if name.startswith(("BACKBONE_", "AWS_"))]
        return {name: os.environ[name] for name in sorted(names)} | _OVERRIDES
    stack = target.stack_name()
    variables = {target.STACK_VARIABLE: stack, COMMON: os.environ[COMMON], **_OVERRIDES}
    variables["POWERTOOLS_METRICS_NAMESPACE"] = f"Backbone/{stack}"
    deployed = client("lambda").get_function_configuration(FunctionName=f"{stack}-push")["Environment"]["Variables"]
    return variables | {name: value for name, value in deployed.items() if name == "BACKBONE_PUSH_APP_IDS"}


def _statements(stage: str) -> list[Statement]:
    """What the functions of the Consumer API may do, and write the log of the one that does it all."""
    rights = _rights_of_the_consumer_api()
    log = f"arn:aws:logs:*:*:log-group:/aws/lambda/backbone-{stage}:*"
    rights[log] = {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"}
    by_actions: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for resource, actions in sorted(rights.items()):
        by_actions[tuple(sorted(actions))].append(resource)
    return [
        {"Effect": "Allow", "Action": list(actions), "Resource": where} for actions, where in sorted(by_actions.items())
    ]


def _rights_of_the_consumer_api() -> dict[str, set[str]]:
    """Actions by resource, with the names of this stack."""
    from infra import deployed  # only here, because reading templates takes a while

    own_name = _naming(deployed.STACK, {deployed.ACCOUNT: _account(), deployed.REGION: client("sts").meta.region_name})
    found = deployed.resources(parameters=_suffixes(target.stack_name()))
    roles = {f"<{one.path}.Arn>": one for one in found if one.type == "AWS::IAM::Role"}
    functions = (one.properties for one in found if one.type == "AWS::Lambda::Function")
    serving = (one for one in functions if one["Handler"].rsplit(".", 1)[1] in _CONSUMER_API)
    rights: dict[str, set[str]] = defaultdict(set)
    for policy in (policy for one in serving for policy in roles[one["Role"]].properties.get("Policies", [])):
        for statement in policy["PolicyDocument"]["Statement"]:
            for resource in _listed(statement["Resource"]):
                rights[own_name(resource)].update(_listed(statement["Action"]))
    return rights


def _account() -> str:
    return str(client("sts").get_caller_identity()["Account"])


def _suffixes(stack: str) -> Mapping[str, str]:
    """The parameters with which the stack names its tables."""
    named = target.tables_of_services().items()
    return {f"{service.capitalize()}TableSuffix": name.removeprefix(f"{stack}-{service}") for service, name in named}


def _naming(template_stack: str, examples: Mapping[str, str]) -> Callable[[str], str]:
    """Makes the ARN of a template's example that of this stack, account and region."""
    stack = re.compile(rf"(?<=[:/]){re.escape(template_stack)}(?=[-/])")

    def own_name(resource: str) -> str:
        name = stack.sub(target.stack_name(), resource)
        for example, own in examples.items():
            name = name.replace(example, own)
        return name

    return own_name


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _write(file: Path, content: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
