"""Two identities on a Backbone in memory."""

import pytest

from tests.people import Identity
from tests.unit.sdk.fake_backbone import FakeBackbone
from tests.unit.sdk.flows import new_identity


@pytest.fixture
def backbone() -> FakeBackbone:
    return FakeBackbone()


@pytest.fixture
def alice(backbone: FakeBackbone) -> Identity:
    return new_identity(backbone)


@pytest.fixture
def bob(backbone: FakeBackbone) -> Identity:
    return new_identity(backbone)
