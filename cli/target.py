"""Which Backbone a command is about.

`--stack NAME` is one on AWS, with the credentials of AWS's usual chain; `--local` is the one that runs on this machine.
Without either it is that of the environment: `BACKBONE_STACK`, or settings (as `make run` and tests have them).
Without that it is the one that runs on this machine, if there is exactly one.

What the services' modules need to know (tables, bucket, rules) they read from `BACKBONE_…` variables, wherever they
run.  A deployed Backbone keeps its settings in an SSM parameter, so an operator names nothing but the stack.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import boto3

from backbone import dynamodb
from backbone.observability import logger
from backbone.settings import COMMON, settings
from infra.local import running
from infra.local.running import NotRunning

STACK_VARIABLE = "BACKBONE_STACK"
_PREFIX = "BACKBONE_"
_NOT_OURS = {"BACKBONE_LOG_LEVEL", "BACKBONE_METRICS_DETAIL"}


class NoTarget(Exception):
    """It is not clear, or not known, which Backbone is meant; the message says what to do, in one line."""


@dataclass(frozen=True, slots=True)
class Target:
    """A Backbone: the name of its stack and the variables of its functions."""

    stack: str
    environment: Mapping[str, str]


def choose(*, stack: str | None, local: bool, port: int) -> Target:
    """The Backbone that is meant.  Raises `NoTarget`."""
    if stack and local:
        raise NoTarget("--stack and --local exclude each other")
    if stack:
        return _on_aws(stack)
    if local:
        return _on_this_machine(port)
    if "BACKBONE_DEVICES_TABLE" in os.environ or COMMON in os.environ:
        return Target(os.environ.get(STACK_VARIABLE, ""), {})
    if named := os.environ.get(STACK_VARIABLE):
        return _on_aws(named)
    ports = running.ports()
    if len(ports) == 1:
        return _on_this_machine(ports[0])
    several = f" (on ports {', '.join(map(str, ports))} there are some)" if ports else ""
    raise NoTarget(f"which Backbone? name one on AWS by --stack NAME, or one on this machine by --local{several}")


def use(target: Target) -> None:
    """Let all modules of this process work on it, quietly."""
    os.environ.update(target.environment)
    os.environ[STACK_VARIABLE] = target.stack
    os.environ["BACKBONE_METRICS_DETAIL"] = "off"
    logger.setLevel("ERROR")
    settings.cache_clear()
    dynamodb.client.cache_clear()


def stack_name() -> str:
    """The stack that is in use.  Raises `NoTarget` when only tables are known."""
    name = os.environ.get(STACK_VARIABLE)
    if not name:
        raise NoTarget("this command needs the name of the stack: --stack NAME or --local")
    return name


def tables() -> list[str]:
    """The names of all tables."""
    return [value for name, value in settings().model_dump().items() if name.endswith("_table") and value]


def _on_aws(stack: str) -> Target:
    parameters = boto3.client("ssm")
    name = f"/{stack}/settings"
    try:
        common = parameters.get_parameter(Name=name)["Parameter"]["Value"]
    except parameters.exceptions.ParameterNotFound:
        region = parameters.meta.region_name
        raise NoTarget(f"there is no Backbone '{stack}' in {region} (no SSM parameter {name})") from None
    return Target(stack, {COMMON: common})


def _on_this_machine(port: int) -> Target:
    try:
        environment = running.environment_of(port)
    except NotRunning as error:
        raise NoTarget(str(error)) from None
    credentials = {name: value for name, value in environment.items() if name.startswith("AWS_")}
    return Target(environment.get(STACK_VARIABLE, ""), {**_ours(environment), **credentials})


def _ours(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name.startswith(_PREFIX) and name not in _NOT_OURS}
