"""Steps that several tests of whole flows share."""

from enmeshed import Account
from tests.people import Identity
from tests.unit.sdk.fake_backbone import BASE_URL, CLIENT_ID, CLIENT_SECRET, FakeBackbone

GREETING = {"@type": "ArbitraryRelationshipTemplateContent", "value": {"greeting": "hällo"}}
REQUEST = {"@type": "ArbitraryRelationshipCreationContent", "value": "may I?"}


def hello(text: str) -> dict[str, str]:
    """A message content."""
    return {"@type": "ArbitraryMessageContent", "value": text}


def new_identity(backbone: FakeBackbone) -> Identity:
    return Identity.create(BASE_URL, CLIENT_ID, CLIENT_SECRET, device_name="First", transport=backbone.transport)


def connect(templator: Account, requestor: Account) -> str:
    """Make an active relationship and return its id."""
    template = requestor.templates.load(templator.templates.create(GREETING).reference.truncated)
    relationship = requestor.relationships.request(template, REQUEST)
    templator.sync()
    templator.relationships.accept(relationship.id)
    requestor.sync()
    return relationship.id
