"""A new version is deployed while requests go on, and clients do not notice.  Code and what all services share come in
one package per function, so that no request meets one without the other."""

import threading
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from infra.local.stack import LocalStack

THREADS = 2


@contextmanager
def load(base_url: str) -> Iterator[Counter[int]]:
    """Requests to several functions, one after the other, until the block ends; yields their statuses."""
    statuses: Counter[int] = Counter()
    over = threading.Event()

    def ask() -> None:
        requests: list[Callable[[httpx.Client], httpx.Response]] = [
            lambda client: client.get("/api/v2/Version"),
            lambda client: client.post("/api/v2/Challenges"),
            lambda client: client.get("/api/v2/Tags"),
            lambda client: client.get("/health"),
        ]
        with httpx.Client(base_url=base_url, timeout=60) as client:
            while not over.is_set():
                for request in requests:
                    statuses[request(client).status_code] += 1

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_no_request_fails_while_every_function_gets_new_code_and_new_settings(stack: LocalStack) -> None:
    functions = stack.client("lambda")

    def code() -> dict[str, str]:
        found = (functions.get_function_configuration(FunctionName=f"backbone-{name}") for name in ("gateway", "tags"))
        return {one["FunctionName"]: one["CodeSha256"] for one in found}

    before = code()
    for package in (stack.folder / "build" / "functions").glob("*.zip"):
        with zipfile.ZipFile(package, "a") as archive:
            archive.writestr("version", "new")

    with load(stack.base_url) as statuses:
        for level in ("ERROR", "INFO"):
            stack.deploy(LogLevel=level)

    assert not before.items() & code().items()
    assert set(statuses) == {200, 201}
    assert statuses.total() > 50
