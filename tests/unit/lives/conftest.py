"""Fixtures of the tests of whole lives."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.support.api import InProcessApi
from tests.support.builders import given_client
from tests.support.engine import forget_environment, prepare_environment
from tests.support.lives import Lives


@pytest.fixture
def lives(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lives]:
    """All services on fresh tables with streams, in moto; an OAuth client, and nobody yet."""
    with mock_aws():
        prepare_environment(monkeypatch, endpoint=None, with_streams=True)
        given_client()
        yield Lives(InProcessApi(), monkeypatch)
    forget_environment()
