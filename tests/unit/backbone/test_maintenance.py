"""A Backbone that is closed.  Runbook: docs/operating.md, 'Restore'."""

from collections.abc import Callable

import pytest

from functions.devices import deletion_jobs, handler
from functions.redelivery import handler as redelivery_handler
from functions.redelivery import redelivery
from tests.support.api import InProcessApi, new_caller
from tests.support.engine import forget_environment


@pytest.fixture
def closed(moto: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKBONE_MAINTENANCE_SECONDS", "120")
    forget_environment()


ROUTES = [
    ("GET", "/health"),
    ("GET", "/api/v2/Messages"),
    ("POST", "/api/v2/Challenges"),
    ("POST", "/connect/token"),
    ("GET", "/api/v2/sse"),
]


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_clients_are_told_when_to_come_back(method: str, path: str) -> None:
    """http-common.md, section 13.8: 503 is "not possible at the moment" and harmless, also at /connect/token."""
    answer = InProcessApi().request(method, path, caller=new_caller())

    assert (answer.status, answer.headers["retry-after"]) == (503, "120")
    assert answer.error == (503, "error.platform.maintenance")


@pytest.mark.usefixtures("closed")
def test_operators_are_told_the_same(admin: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKBONE_MAINTENANCE_SECONDS", "120")
    forget_environment()

    assert admin.get("/api/v1/Tiers").error == (503, "error.platform.maintenance")


@pytest.mark.parametrize("is_closed", [True, False])
def test_jobs_rest(moto: None, monkeypatch: pytest.MonkeyPatch, is_closed: bool) -> None:
    runs: list[str] = []

    def noted(job: str) -> Callable[..., deletion_jobs.Outcome]:
        def run(**_: object) -> deletion_jobs.Outcome:
            runs.append(job)
            return deletion_jobs.Outcome()

        return run

    for job in ("remind", "delete_due"):
        monkeypatch.setattr(deletion_jobs, job, noted(job))
    monkeypatch.setenv("BACKBONE_MAINTENANCE_SECONDS", "120" if is_closed else "0")
    forget_environment()

    monkeypatch.setattr(redelivery, "redeliver", noted("redeliver"))

    for start in (handler.remind, handler.delete_due, redelivery_handler.redeliver):
        start({"source": "aws.events"}, None)

    assert runs == ([] if is_closed else ["remind", "delete_due", "redeliver"])


def test_an_open_one_says_nothing_of_it(api: InProcessApi) -> None:
    answer = api.get("/api/v2/Challenges/CHL00000000000000000", caller=new_caller())

    assert answer.status == 404
    assert "retry-after" not in answer.headers
