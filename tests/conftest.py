"""Fixtures shared by all tests."""

import gc
from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.support.api import ADMIN_SERVICES, InProcessApi
from tests.support.engine import dynamodb_local, forget_environment, prepare_environment


def pytest_collection_finish() -> None:
    """What was imported stays: the garbage collector need not look through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def dynamodb_local_endpoint() -> Iterator[str]:
    """One DynamoDB Local for the whole run."""
    with dynamodb_local() as endpoint:
        yield endpoint


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fresh tables in moto."""
    with mock_aws():
        prepare_environment(monkeypatch, endpoint=None)
        yield
    forget_environment()


@pytest.fixture(params=["moto", pytest.param("dynamodb-local", marks=pytest.mark.local_dynamodb)])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Fresh tables, once in moto and once in DynamoDB Local: for tests of stores."""
    endpoint = None if request.param == "moto" else request.getfixturevalue("dynamodb_local_endpoint")
    with mock_aws():
        prepare_environment(monkeypatch, endpoint=endpoint)
        yield request.param
    forget_environment()


@pytest.fixture
def local_dynamodb(dynamodb_local_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fresh tables in DynamoDB Local: for races and capacity units.  Mark the test `local_dynamodb`."""
    with mock_aws():
        prepare_environment(monkeypatch, endpoint=dynamodb_local_endpoint)
        yield
    forget_environment()


@pytest.fixture
def api(moto: None) -> InProcessApi:
    """The API on fresh tables in moto."""
    return InProcessApi()


@pytest.fixture
def admin(moto: None) -> InProcessApi:
    """The Admin API on fresh tables in moto, with its key; on the same ones as `api`, if a test asks for both."""
    return InProcessApi(ADMIN_SERVICES, admin=True)
