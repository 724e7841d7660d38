"""A client of the Backbone that encrypts for real and interoperates byte for byte with the TypeScript clients.

``Identity.create(base_url, client_id, client_secret).device`` is where a test starts; everything a device can do
is a method of :class:`Device`. The modules below it follow client-protocol.md chapter by chapter:

=======================  ==========================================================
``encoding``             §1, §4 base64url, base64, compact JSON, dates
``primitives``           §2 the algorithms on plain bytes
``crypto``               §2–§3 crypto objects and their JSON forms
``ids``                  §4 ids and passwords made by clients
``addresses``            §5 addresses and the client's pseudonym
``secret_containers``    §6 the synchronised secrets
``http``                 §7, §10 calls, log-in, paging
``challenges``           §8 signed challenges
``onboarding``           §11 device shared secret
``passwords``            §12 password protection
``references``           §13 truncated references and URLs
``templates``            §14 envelope of a template
``relationship_secrets`` §15 handshake, both roles
``relationship_contents`` §15 creation content and response
``messages``             §17 envelope of a message
``files``                §18 encrypted files
``tokens``               §19 encrypted tokens
``datawallet``           §20.1 modifications
``local_store``          §20.1 what a device keeps
``device``               the parts of a device, which use all of the above
=======================  ==========================================================
"""

from tests.client.datawallet import Modification
from tests.client.device.events import FailedEvent, SyncResult
from tests.client.device.files import File
from tests.client.device.mailbox import Message
from tests.client.device.relationships import Relationship
from tests.client.device.templates import Template
from tests.client.device.tokens import create_empty_token, load_token
from tests.client.errors import ClientError, ProtocolError
from tests.client.http import BackboneApi, Credentials, Response
from tests.client.identity import Device, Identity, register
from tests.client.onboarding import DeviceSharedSecret
from tests.client.references import Reference

__all__ = [
    "BackboneApi",
    "ClientError",
    "Credentials",
    "Device",
    "DeviceSharedSecret",
    "FailedEvent",
    "File",
    "Identity",
    "Message",
    "Modification",
    "ProtocolError",
    "Reference",
    "Relationship",
    "Response",
    "SyncResult",
    "Template",
    "create_empty_token",
    "load_token",
    "register",
]
