"""Enmeshed in Python: identities, encrypted messages and files between them, several devices per identity.

>>> from enmeshed import Account, Backbone
>>> backbone = Backbone("https://backbone.example.org", client_id="app", client_secret="…")  # doctest: +SKIP
>>> alice = Account.open("alice.sqlite", backbone, create=True)  # doctest: +SKIP

An :class:`Account` is one device of an identity; its attributes (``templates``, ``relationships``, ``messages``, …) are
what it can do. All errors are :class:`EnmeshedError`, see :mod:`enmeshed.errors`.

=====================  ============================================================================================
``account``            opening, creating and onboarding; the collections below
``templates`` …        one module and one class per collection of things
``events``             synchronisation: external events and their effects
``datawallet``         the other devices: modifications, pull, push
``objects``, ``vault`` synchronised objects and secrets
``session``            keys, connection and storage of a device, shared by the collections
``backbone``, ``http`` calls, log-in, errors, paging
``storage``            where data is kept; ``sqlite`` is the only module that knows SQL
``protocol``           bytes: crypto, encodings, envelopes, references; no I/O
``cli``                the command ``enmeshed``
=====================  ============================================================================================

"§" in docstrings refers to client-protocol.md, the specification of what clients do.
"""

from enmeshed.account import Account
from enmeshed.backbone import Backbone
from enmeshed.challenges import Validation
from enmeshed.deletion import DeletionProcess
from enmeshed.devices import Device
from enmeshed.errors import (
    AccountNotFoundError,
    BackboneError,
    EnmeshedError,
    ForbiddenError,
    LoginRefusedError,
    NetworkError,
    NewerStorageError,
    NotFoundError,
    PreconditionError,
    ProtocolError,
    QuotaExhaustedError,
    RecordNotFoundError,
    StorageError,
    TooManyRequestsError,
    UnauthorizedError,
    UnavailableError,
    UnreadableError,
    WrongStorageKeyError,
)
from enmeshed.events import Event, Events
from enmeshed.files import File
from enmeshed.http import Connection, Credentials, Response
from enmeshed.messages import Message, Recipient
from enmeshed.news import Announcement, Quota
from enmeshed.protocol.datawallet import Modification
from enmeshed.protocol.onboarding import DeviceSharedSecret
from enmeshed.protocol.references import Reference
from enmeshed.qr import qr_blocks, qr_png, qr_svg
from enmeshed.relationships import AuditLogEntry, PeerDeletion, Relationship
from enmeshed.storage import MemoryStorage, SqliteStorage, Storage
from enmeshed.templates import Template
from enmeshed.tokens import Token, create_empty_token, read_token

__all__ = [
    "Account",
    "AccountNotFoundError",
    "Announcement",
    "AuditLogEntry",
    "Backbone",
    "BackboneError",
    "Connection",
    "Credentials",
    "DeletionProcess",
    "Device",
    "DeviceSharedSecret",
    "EnmeshedError",
    "Event",
    "Events",
    "File",
    "ForbiddenError",
    "LoginRefusedError",
    "MemoryStorage",
    "Message",
    "Modification",
    "NetworkError",
    "NewerStorageError",
    "NotFoundError",
    "PeerDeletion",
    "PreconditionError",
    "ProtocolError",
    "Quota",
    "QuotaExhaustedError",
    "Recipient",
    "RecordNotFoundError",
    "Reference",
    "Relationship",
    "Response",
    "SqliteStorage",
    "Storage",
    "StorageError",
    "Template",
    "Token",
    "TooManyRequestsError",
    "UnauthorizedError",
    "UnavailableError",
    "UnreadableError",
    "Validation",
    "WrongStorageKeyError",
    "create_empty_token",
    "qr_blocks",
    "qr_png",
    "qr_svg",
    "read_token",
]
