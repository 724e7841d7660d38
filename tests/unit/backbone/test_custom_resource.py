"""What CloudFormation is told about a custom resource."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from backbone.custom_resource import Request, resource_handler


@pytest.fixture
def told() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The URL that CloudFormation listens at, and what it hears there."""
    heard: list[dict[str, Any]] = []

    class Listener(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append({"type": self.headers["Content-Type"], **json.loads(body)})
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing to say."""

    server = HTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", heard
    server.shutdown()
    server.server_close()


def request(url: str, **changes: Any) -> Request:
    ids = {"StackId": "s", "RequestId": "r", "LogicalResourceId": "l"}
    return {"RequestType": "Create", "ResponseURL": url, **ids, **changes}


def test_success_brings_the_attributes(told: tuple[str, list[dict[str, Any]]]) -> None:
    url, heard = told

    resource_handler("things", lambda request: {"Kind": request["RequestType"]})(request(url), None)

    assert heard == [
        {
            "type": "",
            "Status": "SUCCESS",
            "Reason": "see the function's log",
            "PhysicalResourceId": "things",
            "StackId": "s",
            "RequestId": "r",
            "LogicalResourceId": "l",
            "Data": {"Kind": "Create"},
        }
    ]


def test_failure_brings_the_reason_and_keeps_the_resource(told: tuple[str, list[dict[str, Any]]]) -> None:
    url, heard = told

    def fail(_: Request) -> dict[str, str]:
        raise ValueError("no such thing")

    resource_handler("things", fail)(request(url, RequestType="Update", PhysicalResourceId="known"), None)

    (answer,) = heard
    assert (answer["Status"], answer["Reason"]) == ("FAILED", "ValueError: no such thing")
    assert answer["PhysicalResourceId"] == "known"


def test_what_is_no_request_does_nothing(told: tuple[str, list[dict[str, Any]]]) -> None:
    resource_handler("things", lambda _: pytest.fail("was carried out"))({}, None)

    assert told[1] == []
