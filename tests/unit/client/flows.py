"""Steps that several tests of whole flows share."""

from tests.client import Device, Identity
from tests.unit.client.fake_backbone import BASE_URL, CLIENT_ID, CLIENT_SECRET, FakeBackbone

GREETING = {"@type": "ArbitraryRelationshipTemplateContent", "value": {"greeting": "hällo"}}
REQUEST = {"@type": "ArbitraryRelationshipCreationContent", "value": "may I?"}


def hello(text: str) -> dict[str, str]:
    """A message content."""
    return {"@type": "ArbitraryMessageContent", "value": text}


def new_identity(backbone: FakeBackbone) -> Identity:
    return Identity.create(BASE_URL, CLIENT_ID, CLIENT_SECRET, device_name="First", transport=backbone.transport)


def connect(templator: Device, requestor: Device) -> str:
    """Make an active relationship and return its id."""
    template = requestor.load_template(templator.create_template(GREETING).reference.truncated())
    relationship = requestor.request_relationship(template, REQUEST)
    templator.sync()
    templator.accept(relationship.id)
    requestor.sync()
    return relationship.id
