"""`template.yaml` brought to where it runs: packages uploaded, then the stack created or updated.

    python -m infra.deployment --stack backbone --domain backbone.example.org [--parameter Name=Value ...]
                               [--configuration FILE]

deploys to the AWS account of the environment (`make deploy`). The local launcher deploys through the same functions.
"""

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.build import BUILD, ROOT, TARGETS, BuildError, build
from infra.package import PackageError, Packager
from infra.sam import Expander, ExpansionError

TEMPLATE = ROOT / "template.yaml"

_COMPLETE = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
_UNFINISHED_SUFFIX = "_IN_PROGRESS"

ClientFactory = Callable[[str], Any]
"""Makes the boto3 client of a service, of AWS or of an emulator."""


class DeploymentError(Exception):
    """The stack did not come up; the message names the resource and the reason, in one line."""


def deploy(
    client: ClientFactory,
    stack: str,
    parameters: Mapping[str, str],
    *,
    packages: Path,
    bucket: str,
    poll_seconds: float,
    seconds: float,
    expand: bool = False,
) -> dict[str, str]:
    """Upload the built `packages` to `bucket`, create or update the stack, and return its outputs.

    With `expand`, templates are uploaded as plain CloudFormation.  Raises `DeploymentError`, also when it takes longer
    than `seconds`.
    """
    s3 = client("s3")
    region = s3.meta.region_name
    _ensure_bucket(s3, bucket, region)
    packager = Packager(
        packages,
        bucket,
        f"https://s3.{region}.amazonaws.com/{bucket}",
        lambda key, content: s3.put_object(Bucket=bucket, Key=key, Body=content),
        expand=Expander(region) if expand else None,
    )
    try:
        template_url = packager.package(TEMPLATE)
    except (PackageError, ExpansionError) as error:
        raise DeploymentError(str(error)) from None
    cloudformation = client("cloudformation")
    _submit(cloudformation, stack, template_url, parameters)
    return _outcome(cloudformation, stack, poll_seconds, time.monotonic() + seconds)


def _ensure_bucket(s3: Any, bucket: str, region: str) -> None:
    configuration = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=bucket, **configuration)


def _submit(cloudformation: Any, stack: str, template_url: str, parameters: Mapping[str, str]) -> None:
    request = {
        "StackName": stack,
        "TemplateURL": template_url,
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    }
    try:
        try:
            cloudformation.create_stack(**request)
        except cloudformation.exceptions.AlreadyExistsException:
            cloudformation.update_stack(**request)
    except ClientError as error:
        message = error.response["Error"]["Message"]
        if "No updates are to be performed" not in message:
            raise DeploymentError(message) from None


def _outcome(cloudformation: Any, stack: str, poll_seconds: float, deadline: float) -> dict[str, str]:
    while time.monotonic() < deadline:
        description = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        status = description["StackStatus"]
        if status in _COMPLETE:
            return {output["OutputKey"]: output["OutputValue"] for output in description["Outputs"]}
        if not status.endswith(_UNFINISHED_SUFFIX):
            raise DeploymentError(next(_failures(cloudformation, stack), status))
        time.sleep(poll_seconds)
    raise DeploymentError("not finished in time")


def _failures(cloudformation: Any, stack: str) -> Iterator[str]:
    """What failed, the cause first; the stack itself and what was only cancelled come after it."""
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    for event in reversed(events):
        if event["ResourceStatus"].endswith("FAILED"):
            reason = event.get("ResourceStatusReason", event["ResourceStatus"])
            yield f"{event['LogicalResourceId']}: {' '.join(reason.split())}"


def main() -> None:
    """Deploy to AWS."""
    arguments = _arguments()
    try:
        account = boto3.client("sts").get_caller_identity()["Account"]
        region = boto3.session.Session().region_name
        build(TARGETS["aws"], operators_file=arguments.configuration)
        print(f"deploying {arguments.stack} to account {account}, {region} ...", flush=True)
        outputs = deploy(
            boto3.client,
            arguments.stack,
            {"DidDomainName": arguments.domain, **dict(arguments.parameter)},
            packages=BUILD,
            bucket=arguments.bucket or f"{arguments.stack}-artifacts-{account}-{region}",
            poll_seconds=5,
            seconds=3600,
        )
    except (BuildError, DeploymentError, BotoCoreError, ClientError) as error:
        sys.exit(f"error: {error}")
    for name, value in outputs.items():
        print(f"{name:15}{value}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.deployment", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stack", required=True, type=_not_empty, help="name of the CloudFormation stack")
    parser.add_argument("--domain", required=True, type=_not_empty, help="host name clients use; part of every address")
    parser.add_argument("--bucket", help="for the packages (default: one named after the stack)")
    parser.add_argument("--configuration", type=Path, metavar="FILE", help="the operator's tags and apps")
    parser.add_argument("--parameter", action="append", default=[], type=_pair, metavar="NAME=VALUE")
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
