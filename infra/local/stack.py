"""The whole system on this machine, as a context manager.

    with LocalStack() as stack:
        requests.get(stack.base_url + "/api/v2/Version")
        stack.client("dynamodb").list_tables()

`make run` uses it with fixed ports and a data directory, the end-to-end tests with free ports and a throw-away one.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from backbone import admin_keys, clock
from infra import build
from infra.deployment import deploy
from infra.local.edge import Edge
from infra.local.emulator import Emulator
from infra.local.front import Front, Sockets
from infra.local.ports import claim, free_port
from infra.local.uploads import UploadServer

STACK = "backbone"
PARAMETERS = build.ROOT / "infra" / "local" / "parameters.yaml"
CONFIGURATION = build.ROOT / "infra" / "local" / "configuration.json"
PUSH_CREDENTIALS = build.ROOT / "infra" / "local" / "push_credentials.json"
CLIENT_ID = "test"
CLIENT_SECRET = "test"
DEFAULT_TIER = "Basic"
ADMIN_KEY = "test"

_EMULATOR_PORT_FILE = "emulator-port"
_WARMING_THREADS = 4
_ARTIFACTS = "artifacts"
_POLL_SECONDS = 0.1
_DEPLOY_SECONDS = 120
_SETTLING_SECONDS = 0.5  # queues are saved, streams are not: let the last events get from one to the other

Progress = Callable[[str], None]
"""Told what has been done, in a few words."""


class ClientError(Exception):
    """The OAuth client could not be created; the message says why, in one line."""


class LocalStack:
    """The deployed system.

    `data` is a folder that keeps its state; without one, nothing outlives it.  `parameters` changes single values of
    `infra/local/parameters.yaml`.  With `enforce_rights`, functions get the rights of their roles and no more.
    """

    def __init__(
        self,
        *,
        data: Path | None = None,
        consumer_api: Sockets | None = None,
        admin_api: Sockets | None = None,
        events: Sockets | None = None,
        parameters: Mapping[str, str] | None = None,
        enforce_rights: bool = False,
        progress: Progress = lambda _: None,
    ) -> None:
        self._consumer_api = consumer_api or claim(free_port())
        self._admin_api = admin_api or claim(free_port())
        self._events = events or claim(free_port())
        self._parameters = parameters or {}
        self._progress = progress
        self._enforce_rights = enforce_rights
        self._temporary = Path(tempfile.mkdtemp(prefix="backbone-")) if data is None else None
        self.folder = self._temporary or data or Path()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.emulator = Emulator(self.folder, port=_emulator_port(data), state=data, enforce_rights=enforce_rights)
        self.outputs: dict[str, str] = {}
        self._uploads: UploadServer | None = None
        self._front: Front | None = None

    @property
    def base_url(self) -> str:
        """What clients are configured with.  Its host is the DID domain."""
        return f"http://localhost:{self._consumer_api[0].getsockname()[1]}"

    @property
    def admin_url(self) -> str:
        """Where operators reach the Admin API, with the key `ADMIN_KEY`."""
        return f"http://localhost:{self._admin_api[0].getsockname()[1]}"

    @property
    def events_url(self) -> str:
        """Where the server of events would be in the reference; the same is found under `base_url`."""
        return f"http://localhost:{self._events[0].getsockname()[1]}"

    def client(self, service: str) -> Any:
        """A boto3 client of the emulated AWS."""
        return self.emulator.client(service)

    def environment(self) -> dict[str, str]:
        """The environment in which this project's modules work on the deployed system (tables, credentials)."""
        single = {f"BACKBONE_{name.upper()}": _text(value) for name, value in self.settings().items()}
        return {"BACKBONE_STACK": STACK, **single, **self.emulator.credentials()}

    def settings(self) -> dict[str, Any]:
        """The settings that all functions have in common."""
        parameter = self.client("ssm").get_parameter(Name=self.outputs["Settings"])["Parameter"]
        settings: dict[str, Any] = json.loads(parameter["Value"])
        return settings

    def start(self) -> None:
        """Build, deploy, create the client and warm the functions up.  Raises one of the errors of these steps."""
        with self._step("built functions and layers"):
            build.build(build.TARGETS["local"], self.folder / "build", CONFIGURATION)
        with self._step("started the emulator of AWS"):
            self.emulator.start()
            self._put_push_credentials()
        with self._step("deployed template.yaml"):
            self.deploy()
        if self._enforce_rights:
            self._allow_plain_http()
        with self._step(f"created OAuth client {CLIENT_ID} and key {ADMIN_KEY} of the Admin API"):
            self._create_client()
            self._create_admin_key()
        with self._step("warmed up the functions and the server of large uploads"):
            self._uploads = UploadServer(self.folder, self.environment())
            self._warm_up()
            self._uploads.wait()
        consumer = self._edge("ApiId", "gateway", uploads_url=self._uploads.url)
        admin = self._edge("AdminApiId", "admin")
        self._front = Front([(consumer, self._consumer_api), (admin, self._admin_api)], self._events)
        self._front.start()

    def deploy(self, **changed: str) -> None:
        """Bring the built packages to the stack; `changed` are parameters that differ from those it was made with."""
        self.outputs = deploy(
            self.client,
            STACK,
            {**_local_parameters(), **self._parameters, **changed},
            packages=self.folder / "build",
            bucket=_ARTIFACTS,
            poll_seconds=_POLL_SECONDS,
            seconds=_DEPLOY_SECONDS,
            expand=True,
        )

    def stop(self) -> None:
        """Leave no process, no open port, and (without a data folder) no file."""
        if self._front is not None:
            self._front.stop()
        if self._uploads is not None:
            self._uploads.stop()
        for listener in [*self._consumer_api, *self._admin_api, *self._events]:
            listener.close()
        if self._temporary is None:
            time.sleep(_SETTLING_SECONDS)
        self.emulator.stop()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @contextmanager
    def _step(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._progress(f"{what} ({time.monotonic() - began:.1f} s)")

    def _allow_plain_http(self) -> None:
        """Lift the TLS-only policy of the bucket: there is no TLS on the way to the emulator."""
        bucket = self.settings()["payload_bucket"]
        self.client("s3").delete_bucket_policy(Bucket=bucket)

    def _create_client(self) -> None:
        path = os.pathsep.join([str(build.ROOT), str(build.ROOT / "layers")])
        command = [sys.executable, "-m", "cli", "client", "create", "--client-id", CLIENT_ID]
        command += ["--client-secret", CLIENT_SECRET, "--default-tier", DEFAULT_TIER]
        outcome = subprocess.run(
            command,
            env={**os.environ, **self.environment(), "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        if outcome.returncode != 0:
            lines = outcome.stderr.strip().splitlines()
            raise ClientError(f"cannot create the OAuth client: {lines[-1] if lines else 'no reason given'}")

    def _put_push_credentials(self) -> None:
        """As an operator would, but good for nothing: apps can register, and what they would get can be read here."""
        for app, credentials in json.loads(PUSH_CREDENTIALS.read_text()).items():
            name = f"/{STACK}/push-credentials/{app}"
            value = json.dumps(credentials)
            self.client("ssm").put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)

    def _create_admin_key(self) -> None:
        """As `backbone admin-key create` does it, but with a key that everybody knows."""
        value = admin_keys.dump([admin_keys.seal(ADMIN_KEY, name="local", now=clock.now())])
        name = self.settings()["admin_keys"]
        with contextlib.suppress(self.client("ssm").exceptions.ParameterAlreadyExists):
            self.client("ssm").put_parameter(Name=name, Value=value, Type="String")

    def _edge(self, api_id: str, default_function: str, *, uploads_url: str | None = None) -> Edge:
        return Edge(
            self.emulator.endpoint,
            self.outputs[api_id],
            f"{STACK}-{default_function}",
            self.client("lambda"),
            uploads_url=uploads_url,
        )

    def _warm_up(self) -> None:
        client = self.client("lambda")
        functions = [function["FunctionName"] for function in client.list_functions()["Functions"]]
        with ThreadPoolExecutor(_WARMING_THREADS) as threads:
            # An event that is no event loads the function and does nothing.
            list(threads.map(lambda name: client.invoke(FunctionName=name, Payload="{}"), functions))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _local_parameters() -> dict[str, str]:
    parameters: dict[str, Any] = yaml.safe_load(PARAMETERS.read_text())
    return {name: str(value) for name, value in parameters.items()}


def _emulator_port(data: Path | None) -> int:
    """Saved queues know the port they were saved under, so a data folder keeps its port."""
    if data is None:
        return free_port()
    data.mkdir(parents=True, exist_ok=True)
    file = data / _EMULATOR_PORT_FILE
    if not file.exists():
        file.write_text(str(free_port()))
    return int(file.read_text())
