"""Fixtures of the tests of push."""

from collections.abc import Iterator

import pytest

from tests.unit.push.provider import Provider, provided


@pytest.fixture
def sns(request: pytest.FixtureRequest) -> Iterator[Provider]:
    """SNS, in the engine that the test asks for."""
    for name in ("engine", "local_dynamodb", "moto", "api"):
        if name in request.fixturenames:
            request.getfixturevalue(name)
    with provided() as provider:
        yield provider
