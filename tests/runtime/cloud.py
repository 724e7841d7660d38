"""What the functions stand on: tables, bucket, bus and parameters in the emulator."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from backbone import admin_keys
from infra.local.emulator import REGION, Emulator
from infra.local.ports import free_port
from tests.support.engine import ADMIN_KEY, ADMIN_KEYS, BUCKET, TOKEN_KEYS, environment, new_token_key
from tests.support.schema import SERVICES, table_definition

_RUN = "runtime"


@dataclass(frozen=True)
class Cloud:
    """The emulator, the variables that make functions use it, and the key that signs access tokens there."""

    emulator: Emulator
    variables: dict[str, str]
    private_key: dict[str, object]

    def put_failed_event(self, text: str) -> None:
        """Something that is no event waits for redelivery."""
        sqs = self.emulator.client("sqs")
        sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="backbone-failed-events")["QueueUrl"], MessageBody=text)


@contextmanager
def running_cloud() -> Iterator[Cloud]:
    """An emulator with everything but functions."""
    with tempfile.TemporaryDirectory(prefix="cloud-") as folder:
        emulator = Emulator(Path(folder), port=free_port())
        emulator.start()
        try:
            private, public = new_token_key("runtime-key")
            _fill(emulator, private, public)
            yield Cloud(emulator, _variables(emulator), private)
        finally:
            emulator.stop()


def _fill(emulator: Emulator, private: dict[str, object], public: dict[str, object]) -> None:
    dynamodb, ssm = emulator.client("dynamodb"), emulator.client("ssm")
    for service in SERVICES:
        dynamodb.create_table(**table_definition(service, f"{service}-{_RUN}"))
    emulator.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    for name in ("failed-events", "dead-letters"):
        emulator.client("sqs").create_queue(QueueName=f"backbone-{name}")
    emulator.client("events").create_event_bus(Name="backbone")
    sealed = admin_keys.seal(ADMIN_KEY, name="runtime", now=datetime.now(UTC))
    for name, value, kind in (
        (f"{TOKEN_KEYS}/private", json.dumps({"keys": [private]}), "SecureString"),
        (f"{TOKEN_KEYS}/public", json.dumps({"keys": [public]}), "String"),
        (ADMIN_KEYS, admin_keys.dump([sealed]), "String"),
    ):
        ssm.put_parameter(Name=name, Value=value, Type=kind)


def _variables(emulator: Emulator) -> dict[str, str]:
    return {
        **environment(_RUN),
        "AWS_ENDPOINT_URL": emulator.endpoint,
        "BACKBONE_STACK": "backbone",
        "BACKBONE_METRICS_DETAIL": "service",
        "BACKBONE_SSE_WAIT_SECONDS": "0",
        "POWERTOOLS_METRICS_NAMESPACE": "Backbone/backbone",
    }
