"""Logs, metrics and traces: what they say and what they keep quiet.  Contract: operations.md, section 5."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from backbone import clock, metrics, traces
from backbone.consumers import Consumers
from backbone.events import EventEnvelope
from backbone.events.tokens import TokenCreated
from backbone.ids import TokenId
from backbone.observability import MASK, logger, masked
from backbone.settings import settings
from tests.support.api import InProcessApi, new_caller

TRACE_HEADER = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


@pytest.fixture(params=["service"])
def level(request: pytest.FixtureRequest, moto: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Metrics are on."""
    monkeypatch.setenv("BACKBONE_METRICS_DETAIL", request.param)
    settings.cache_clear()
    yield request.param
    settings.cache_clear()


def _metrics(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def _dimensions(line: dict[str, Any]) -> list[list[str]]:
    dimensions: list[list[str]] = line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    return dimensions


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The lines of the log, as they are written."""
    lines: list[dict[str, Any]] = []
    handler = logger.registered_handler
    monkeypatch.setattr(handler, "emit", lambda record: lines.append(json.loads(handler.format(record))))
    return lines


def test_a_request_leaves_one_line_with_its_route_and_correlation_id(
    api: InProcessApi, log: list[dict[str, Any]]
) -> None:
    """operations.md §12: Logs are structured, carry the correlation id of `X-Correlation-ID`, never contain addresses,
    device ids, usernames, passwords or contents in clear."""
    caller = new_caller()
    api.get("/api/v2/Challenges/CHLabcdefghijklmnopq", caller=caller, headers={"X-Correlation-ID": "abc"})
    (line,) = log
    assert line["event_id"] == 724322
    assert line["route"] == "GET /api/v2/Challenges/{id}"
    assert line["status"] == 404
    assert line["code"] == "error.platform.recordNotFound"
    assert line["correlation_id"] == "abc"
    assert caller.address not in json.dumps(line)
    assert "CHLabcdefghijklmnopq" not in json.dumps(line)


def test_a_stack_trace_names_neither_addresses_nor_devices(log: list[dict[str, Any]]) -> None:
    caller = new_caller()
    try:
        raise KeyError(f"{caller.address} {caller.device_id} USRabcdefghijklmnopq")
    except KeyError:
        logger.exception("tried", event_id=1)
    text = json.dumps(log)
    assert caller.address not in text
    assert caller.device_id not in text
    assert "USRabc" not in text
    assert text.count(MASK) >= 3


def test_masking_leaves_everything_else_as_it_is() -> None:
    text = '{"route":"GET /api/v2/Devices/{id}","code":"error.platform.validation.device"}'
    assert masked(text) == text


def test_without_detail_there_are_no_metrics(api: InProcessApi, capsys: pytest.CaptureFixture[str]) -> None:
    api.get("/api/v2/Version")
    assert capsys.readouterr().out == ""


def test_a_request_is_measured_by_service(level: str, api: InProcessApi, capsys: pytest.CaptureFixture[str]) -> None:
    """operations.md §12: Metrics equivalent to 5.2 exist (published, handled, failed events; durations; push sent and
    failed; HTTP latency and errors)"""
    api.get("/api/v2/Version")
    (line,) = _metrics(capsys)
    assert _dimensions(line) == [["service"]]
    assert line["Duration"][0] >= 0
    assert "ClientErrors" not in line


@pytest.mark.parametrize("level", ["endpoint"], indirect=True)
def test_with_more_detail_also_by_route_but_never_by_id(
    level: str, api: InProcessApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.get("/api/v2/Challenges/CHLabcdefghijklmnopq", caller=new_caller())
    (line,) = _metrics(capsys)
    assert _dimensions(line) == [["service"], ["service", "endpoint"]]
    assert line["endpoint"] == "GET /api/v2/Challenges/{id}"


@pytest.mark.parametrize(
    ("status", "metric"),
    [(200, None), (304, None), (400, "ClientErrors"), (404, "ClientErrors"), (429, "QuotaExhausted"),
     (500, "ServerErrors"), (503, "ServerErrors")],
)  # fmt: skip
def test_errors_are_counted_by_class_and_only_when_there_are_any(
    level: str, status: int, metric: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics.request_served("GET /x", status, 1)
    (line,) = _metrics(capsys)
    assert {"ClientErrors", "ServerErrors", "QuotaExhausted"} & set(line) == ({metric} if metric else set())


def test_handled_and_failed_events_are_measured(level: str, capsys: pytest.CaptureFixture[str]) -> None:
    consumers = Consumers("test")
    answers = iter([None, RuntimeError("no")])

    @consumers.on(TokenCreated)
    def react(event: TokenCreated, envelope: EventEnvelope) -> None:
        problem = next(answers)
        if problem:
            raise problem

    event = TokenCreated(token_id=TokenId.new(), created_by=None)
    envelope = EventEnvelope("1", "TokenCreated", clock.now(), "c", event.model_dump(mode="json", by_alias=True))
    consumers.handle(envelope)
    with pytest.raises(RuntimeError):
        consumers.handle(envelope)
    handled, failed = _metrics(capsys)
    assert handled["EventDuration"][0] >= 0
    assert failed["EventsFailed"] == [1]


def test_published_refused_and_pushed_are_measured(level: str, capsys: pytest.CaptureFixture[str]) -> None:
    metrics.events_published([12.4, 80])
    metrics.event_refused("TokenCreated")
    metrics.push_sent("TokenLocked", "fcm")
    metrics.push_failed("TokenLocked", "fcm")
    metrics.job_run(done=0, failed=2)
    lines = _metrics(capsys)
    assert lines[0]["EventDelay"] == [12, 80]
    assert [sorted(set(line) - {"_aws", "service"}) for line in lines[1:]] == [
        ["EventsRefused"],
        ["PushesSent"],
        ["PushesFailed"],
        ["JobDone", "JobFailed"],
    ]


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """What takes subsegments in Lambda."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(2)
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", f"127.0.0.1:{receiver.getsockname()[1]}")
        yield receiver


def test_a_sampled_request_becomes_an_annotated_subsegment(
    daemon: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", TRACE_HEADER)
    traces.record("GET /api/v2/Challenges/{id}", 0.25, status=429)
    header, subsegment = map(json.loads, daemon.recv(65536).split(b"\n"))
    assert header == {"format": "json", "version": 1}
    assert subsegment["type"] == "subsegment"
    assert subsegment["trace_id"] == "1-5759e988-bd862e3fe1be46a994272793"
    assert subsegment["parent_id"] == "53995c3f42cd8ad8"
    assert subsegment["end_time"] - subsegment["start_time"] == pytest.approx(0.25, abs=0.001)
    assert subsegment["annotations"]["route"] == "GET /api/v2/Challenges/{id}"
    assert (subsegment["error"], subsegment["throttle"], subsegment["fault"]) == (True, True, False)


@pytest.mark.parametrize("header", ["", "Root=1-2;Parent=3;Sampled=0", "rubbish"])
def test_a_request_that_is_not_sampled_leaves_no_trace(
    header: str, daemon: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", header)
    traces.record("GET /", 1)
    daemon.settimeout(0.01)
    with pytest.raises(TimeoutError):
        daemon.recv(1)


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:notaport", "256.0.0.1:1"])
def test_a_daemon_that_cannot_be_reached_fails_nothing(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", TRACE_HEADER)
    monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", address)
    traces.record("GET /", 1)
