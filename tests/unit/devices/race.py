"""Several requests at the same instant.  Routes are plain functions, so each thread calls one."""

import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from backbone.errors import BackboneError
from backbone.http import RawRequest
from functions.devices.token_api import create_token
from tests.support.builders import PASSWORD


def at_once(*requests: Callable[[], Any]) -> list[str]:
    """The outcome of every request: the text it returns, `ok` for any other answer, or the code of its refusal."""
    barrier = threading.Barrier(len(requests))
    outcomes: list[str] = []

    def run(request: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            answer = request()
            outcomes.append(answer if isinstance(answer, str) else "ok")
        except BackboneError as refusal:
            outcomes.append(refusal.code.rpartition(".")[2])
        except Exception as failure:
            outcomes.append(f"500: {failure!r}")

    threads = [threading.Thread(target=run, args=[request]) for request in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


def logging_in(username: str, password: str = PASSWORD) -> Callable[[], str]:
    """A request for a token; its outcome is `200` or status and OAuth error."""
    form = {
        "grant_type": "password",
        "client_id": "test",
        "client_secret": "test",
        "username": username,
        "password": password,
    }
    request = RawRequest({"content-type": "application/x-www-form-urlencoded"}, urlencode(form).encode())

    def log_in() -> str:
        answer = create_token(request)
        return "200" if answer.status == 200 else f"{answer.status} {answer.body.split(chr(34))[3]}"

    return log_in
