"""The API of this service alone."""

import pytest

from tests.support.api import InProcessApi


@pytest.fixture
def api(moto: None) -> InProcessApi:
    """Tokens on fresh tables in moto."""
    return InProcessApi(["tokens"])
