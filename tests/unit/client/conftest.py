"""Two identities on a Backbone in memory."""

import pytest

from tests.client import Identity
from tests.unit.client.fake_backbone import FakeBackbone
from tests.unit.client.flows import new_identity


@pytest.fixture
def backbone() -> FakeBackbone:
    return FakeBackbone()


@pytest.fixture
def alice(backbone: FakeBackbone) -> Identity:
    return new_identity(backbone)


@pytest.fixture
def bob(backbone: FakeBackbone) -> Identity:
    return new_identity(backbone)
