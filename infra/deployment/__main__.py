"""Deploy to AWS: `make deploy`.

    python -m infra.deployment --stack backbone [--domain backbone.example.org] [--parameter NAME=VALUE ...]
                               [--reset NAME ...] [--allow RESOURCE ...] [--configuration FILE]
                               [--check-only] [--yes] [--target local]

Parameters and the configuration file stay as they were last time unless they are given or reset. With AWS_ENDPOINT_URL
in the environment and the packages for this machine, it deploys to an emulator in the same way.
"""

import argparse
import sys
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.build import TARGETS, BuildError
from infra.deployment.aws import DeploymentError
from infra.deployment.execution import Patience
from infra.deployment.flow import Deployment, Order
from infra.deployment.parameters import DOMAIN

_PATIENCE = Patience(poll_seconds=2, seconds=3600)


def main() -> None:
    """Deploy as the command line says; what goes wrong is told and makes the exit code non-zero."""
    arguments = _arguments()
    domain = {DOMAIN: arguments.domain} if arguments.domain else {}
    order = Order(
        stack=arguments.stack,
        given={**domain, **dict(arguments.parameter)},
        reset=arguments.reset,
        allowed=arguments.allow,
        configuration=arguments.configuration,
        bucket=arguments.bucket,
        assume_yes=arguments.yes,
        check_only=arguments.check_only,
    )
    try:
        outputs = Deployment(boto3.client, order, _PATIENCE, target=TARGETS[arguments.target]).run()
    except (BuildError, DeploymentError, BotoCoreError, ClientError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted; what CloudFormation has begun it goes on with. Run the same command again.")
    for name, value in outputs.items():
        print(f"{name:25}{value}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.deployment", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stack", required=True, type=_not_empty, help="name of the CloudFormation stack")
    parser.add_argument("--domain", help="host name clients use; part of every address (first time only)")
    parser.add_argument("--bucket", help="for the packages (default: one named after the stack)")
    parser.add_argument("--configuration", type=Path, metavar="FILE", help="the operator's tags and apps")
    parser.add_argument("--parameter", action="append", default=[], type=_pair, metavar="NAME=VALUE")
    parser.add_argument(
        "--reset", action="append", default=[], metavar="NAME", help="back to the default; also: configuration"
    )
    parser.add_argument(
        "--allow", action="append", default=[], metavar="RESOURCE", help="may be replaced or removed this time"
    )
    parser.add_argument("--check-only", action="store_true", help="only tell what would stand in the way")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--target", choices=sorted(TARGETS), default="aws", help="what packages are built for")
    return parser.parse_args()


def _not_empty(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("is missing: make deploy STACK=<name> DOMAIN=<host name>")
    return text


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


if __name__ == "__main__":
    main()
